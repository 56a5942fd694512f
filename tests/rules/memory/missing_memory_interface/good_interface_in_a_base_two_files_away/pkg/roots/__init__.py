from .deep import Root
