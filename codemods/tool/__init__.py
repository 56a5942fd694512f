"""Codemods of the family PF9."""
