from .mingru import *
from .gru import Amnesia, Borrowed, Scribe
from .wrapper import build

__all__ = ["MinGru", "MinGruFirst", "Amnesia", "Borrowed", "Scribe", "build"]
