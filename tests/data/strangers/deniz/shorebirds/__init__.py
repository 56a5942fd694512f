from .attention import Plover
from .avocet import Avocet
from .bittern import Bittern
from .composed import Composed, Parts
from .curlew import Curlew
from .dunlin import Dunlin
from .heron import Heron

__all__ = ["Avocet", "Bittern", "Composed", "Curlew", "Dunlin", "Heron", "Parts", "Plover"]
