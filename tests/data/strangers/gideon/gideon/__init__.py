"""Agents as graphs of components, described in YAML; and a few written by hand."""
