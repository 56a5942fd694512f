from gridappo.model.actor_critic import ActorCritic
from gridappo.model.flat import FlatActorCritic, InspectedActorCritic
from gridappo.model.ensemble import EnsembleActorCritic
from gridappo.model.legacy import LegacyActorCritic, PlainActorCritic
from gridappo.model.tuned import TunedActorCritic

__all__ = [
    "ActorCritic",
    "EnsembleActorCritic",
    "FlatActorCritic",
    "InspectedActorCritic",
    "LegacyActorCritic",
    "PlainActorCritic",
    "TunedActorCritic",
]
