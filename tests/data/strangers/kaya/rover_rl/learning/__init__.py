from .updater import Updater

__all__ = ["Updater"]
