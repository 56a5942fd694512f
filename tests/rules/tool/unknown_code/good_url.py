# https://example.org/policyfix:ignore[PF999]
value = 1
