from .base import Learner
from .ppo import PPOLearner

__all__ = ["Learner", "PPOLearner"]
