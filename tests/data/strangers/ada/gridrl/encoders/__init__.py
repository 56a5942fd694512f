from .box import BoxEncoder, LeakyBoxEncoder

__all__ = ["BoxEncoder", "LeakyBoxEncoder"]
