"""Find, mend and prove the mending of contract bugs in recurrent PyTorch RL policies."""

__version__ = "0.1.0"
