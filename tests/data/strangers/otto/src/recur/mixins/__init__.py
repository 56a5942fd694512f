from .clipping import ClipMixin
from .flat import FlatMixin
from .remember import RememberMixin

__all__ = ["ClipMixin", "FlatMixin", "RememberMixin"]
