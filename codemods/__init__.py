"""Codemods: one file a rewrite, named as the rule that it answers. Discovered by `policyfix.codemod`."""
