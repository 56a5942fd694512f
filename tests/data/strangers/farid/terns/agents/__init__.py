from terns.agents.arctic import Arctic
from terns.agents.gull import Gull
from terns.agents.inca import Inca
from terns.agents.kittiwake import Kittiwake
from terns.agents.noddy import Noddy
from terns.agents.skua import Skua
from terns.agents.sooty import Sooty

__all__ = ["Arctic", "Gull", "Inca", "Kittiwake", "Noddy", "Skua", "Sooty"]
