from .factored import FlatRows, PerDimension, ShortIndex, TypePlusArgument
from .graphs import CrowdHead, FourierBands, FourierLinear, NeighbourNet, NeighbourNetDeep, NeighbourNetThin
from .sets import DeepSets, HardExperts, QueryPool, QueryPoolFull, SoftExperts
from .solo import Lone

AGENTS = {c.__name__: c for c in (
    DeepSets, QueryPool, QueryPoolFull, SoftExperts, HardExperts,
    NeighbourNet, NeighbourNetDeep, NeighbourNetThin, CrowdHead, FourierBands, FourierLinear,
    TypePlusArgument, PerDimension, FlatRows, ShortIndex, Lone)}


def make_agent(env, cfg):
    options = {k: v for k, v in cfg.items() if k != "agent_type"}
    return AGENTS[cfg["agent_type"]](env, **options)
