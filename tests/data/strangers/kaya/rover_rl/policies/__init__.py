from .dock import DockPolicy
from .patrol import PatrolPolicy
from .scout import ScoutPolicy

POLICY_BY_MISSION = {"scout": ScoutPolicy, "dock": DockPolicy, "patrol": PatrolPolicy}
