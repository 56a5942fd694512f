# policyfix: file-ignore[PF201] -- all known
value = 1
