value = 1  # policyfix: ignore[PF201]
