"""Codemods of the family PF3."""
