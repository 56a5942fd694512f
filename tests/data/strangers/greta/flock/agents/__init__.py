"""The agents of the flock, by the name that a config calls them."""

from .crake import Crake
from .dunlin import Dunlin
from .heron import Heron
from .knot import Knot
from .rook import Rook
from .swift import Swift

agent_classes = {
    "crake": Crake,
    "dunlin": Dunlin,
    "heron": Heron,
    "knot": Knot,
    "rook": Rook,
    "swift": Swift,
}

__all__ = ["Crake", "Dunlin", "Heron", "Knot", "Rook", "Swift", "agent_classes"]
