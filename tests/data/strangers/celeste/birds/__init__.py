from birds.finch import Finch
from birds.heron import Heron
from birds.wren import Wren

FLOCK = {bird.__name__.lower(): bird for bird in (Wren, Finch, Heron)}
