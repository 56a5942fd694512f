# policyfix: file-ignore[missing-stamp]  # expect: PF902
value = 1
