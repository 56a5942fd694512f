"""A small recurrent PPO trainer that keeps its side of the contract, and environments to run it on."""

from .checkpoint import load_checkpoint, save_checkpoint
from .environment import Step
from .memory_task import CueRecall
from .trainer import PPOConfig, Trainer, evaluate

__all__ = ["CueRecall", "PPOConfig", "Step", "Trainer", "evaluate", "load_checkpoint", "save_checkpoint"]
