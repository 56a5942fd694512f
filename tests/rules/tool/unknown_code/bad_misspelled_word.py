value = 1  # policyfix: ingore[PF201]  # expect: PF902
