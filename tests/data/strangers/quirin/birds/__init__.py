from birds.make import BIRDS, build

__all__ = ["BIRDS", "build"]
