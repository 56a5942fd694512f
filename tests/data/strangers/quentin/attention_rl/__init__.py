from attention_rl.options import Options
from attention_rl.policy import Gaze, Stare

__all__ = ["Gaze", "Options", "Stare"]
