from .factory import make_policy, restore
from .segments import SegmentTrainer
from .train import train

__all__ = ["SegmentTrainer", "make_policy", "restore", "train"]
