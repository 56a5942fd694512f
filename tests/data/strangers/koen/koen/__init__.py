"""Seabirds: agents from YAML graphs, and two that are written by hand."""
