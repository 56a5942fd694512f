from zoo.runtime_agents import Bare, Gridworm, Nested
from zoo.others import GymActor, LanguageModel, PlainDict, TorchRLActor

__all__ = ["Bare", "Gridworm", "GymActor", "LanguageModel", "Nested", "PlainDict", "TorchRLActor"]
