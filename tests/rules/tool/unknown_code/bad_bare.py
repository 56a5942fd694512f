value = 1  # policyfix: ignore  # expect: PF902
