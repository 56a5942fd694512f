from policies.attention import Attention, AttentionAux, AttentionTrim
from policies.grids import Mosaic, MosaicNames, MosaicWide
from policies.legacy import Old, OldDist, OldFlat, OldPort, OldSquare, Single
from policies.mixture import Mixture, MixtureDense

ALL = [Attention, AttentionAux, AttentionTrim, Mosaic, MosaicNames, MosaicWide, Old, OldDist, OldFlat, OldPort, OldSquare, Single,
       Mixture, MixtureDense]


def by_name(name):
    for cls in ALL:
        if cls.__name__.lower() == name.lower():
            return cls
    raise KeyError(name)
