value = "# policyfix: ignore[PF2O1]"
