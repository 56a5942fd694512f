"""Rewrites that answer several rules at once."""
