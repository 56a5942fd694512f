from .recurrent import Recurrent as Root
