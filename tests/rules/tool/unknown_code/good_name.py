value = 1  # policyfix: ignore[attached-state]
