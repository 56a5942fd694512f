value = 1  # policyfix: ignore[PF201, missing-stamps,PF205] -- all known
