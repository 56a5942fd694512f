from .ermine import Ermine
from .mole import Mole
from .stoat import Stoat
from .vole import Vole

REGISTRY = dict(ermine=Ermine, mole=Mole, stoat=Stoat, vole=Vole)
