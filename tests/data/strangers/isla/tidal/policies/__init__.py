from . import coral, kelp, limpet, nerite, periwinkle, urchin, whelk

__all__ = ["coral", "kelp", "limpet", "nerite", "periwinkle", "urchin", "whelk"]
