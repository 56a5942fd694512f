value = 1  # policyfix: ignore[PF201] the caller detaches it  # expect: PF902
