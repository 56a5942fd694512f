value = 1  # policyfix: ignore[PF101, PF900] -- a generator writes it into every file
