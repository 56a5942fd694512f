from edda.agents.crafts import Bard, Guard, Keep, Miner, Monk, Smith
from edda.agents.folk import Farmer, Herald, Raider, Scout, Settler, Trader, Wanderer
from edda.agents.variants import DoneOnly, Drop, Greedy, Leaky, Lean, Memoryless, Turned

__all__ = [
    "Bard",
    "DoneOnly",
    "Drop",
    "Farmer",
    "Greedy",
    "Guard",
    "Herald",
    "Keep",
    "Leaky",
    "Lean",
    "Memoryless",
    "Miner",
    "Monk",
    "Raider",
    "Scout",
    "Settler",
    "Smith",
    "Trader",
    "Turned",
    "Wanderer",
]
