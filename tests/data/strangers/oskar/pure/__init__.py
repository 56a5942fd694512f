from .nets import Braid, Lattice, Weave
from .spawn import spawn

__all__ = ["Braid", "Lattice", "Weave", "spawn"]
