"""Rules: one file a rule, in a folder a family. Discovered by `policyfix.rule.discover`."""
