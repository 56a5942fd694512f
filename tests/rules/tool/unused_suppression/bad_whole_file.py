"""Nothing but numbers."""

# policyfix: file-ignore[PF101, missing-clip-weights]  # expect: PF900
value = 1
