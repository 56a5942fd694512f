from inga.agents.cells import Avocet, Curlew, Turnstone
from inga.agents.layers import Dunlin, Heron, Plover, Sanderling, Stilt

AGENTS = {cls.__name__.lower(): cls for cls in (Avocet, Curlew, Dunlin, Heron, Plover, Sanderling, Stilt, Turnstone)}

__all__ = ["AGENTS", "Avocet", "Curlew", "Dunlin", "Heron", "Plover", "Sanderling", "Stilt", "Turnstone"]
