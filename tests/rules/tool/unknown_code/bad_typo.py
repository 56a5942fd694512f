value = 1  # policyfix: ignore[PF2O1]  # expect: PF902
