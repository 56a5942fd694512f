"""The reference: a policy built as a graph of components from a config."""

from .policy import ComponentPolicy, read_config

__all__ = ["ComponentPolicy", "read_config"]
