value = 1  # policyfix: ignore[PF2] -- a family is no rule  # expect: PF902
