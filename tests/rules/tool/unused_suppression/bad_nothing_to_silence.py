value = 1  # policyfix: ignore[PF201] -- once there was a policy here  # expect: PF900
