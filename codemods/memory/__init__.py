"""Codemods of the family PF2."""
