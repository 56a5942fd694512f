"""PF9: how policyfix itself is used."""
