from .make import make
from .wrap import Wrap
