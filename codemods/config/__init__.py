"""Codemods of the family PF4."""
