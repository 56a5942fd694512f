from .anemone import Anemone
from .barnacle import Barnacle
from .coral import Coral
from .limpet import Limpet
from .urchin import Urchin
from .whelk import Whelk

__all__ = ["Anemone", "Barnacle", "Coral", "Limpet", "Urchin", "Whelk"]
