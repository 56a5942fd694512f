from .braid import Braid
from .lattice import Lattice
from .weave import Weave

__all__ = ["Braid", "Lattice", "Weave"]
