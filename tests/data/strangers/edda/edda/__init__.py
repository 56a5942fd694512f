from edda import agents as _agents  # noqa: F401  registers everything
from edda.registry import AGENTS

__all__ = ["AGENTS"]
