from memory.interface import RememberingMixin as Remembering
