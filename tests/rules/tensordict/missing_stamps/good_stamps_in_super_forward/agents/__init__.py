from .forager import Forager
