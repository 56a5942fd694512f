"""Codemods of the family PF1."""
