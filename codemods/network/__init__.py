"""Codemods of the family PF5."""
