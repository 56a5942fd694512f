value = 1  # policyfix: ignore[PF900, PF902, unused-suppression]
