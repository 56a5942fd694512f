from .mixins import ClipMixin, JointActionMixin, L2InitMixin, SlotMemoryMixin
from .policy import PolicyBase
from .recurrent import RecurrentBase

__all__ = ["ClipMixin", "JointActionMixin", "L2InitMixin", "PolicyBase", "RecurrentBase", "SlotMemoryMixin"]
