value = 1  # policyfix: ignore[PF201, no-such-rule]  # expect: PF902
