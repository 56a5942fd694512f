from terns.agents import Arctic, Gull, Noddy, Skua, Sooty

__all__ = ["Arctic", "Gull", "Noddy", "Skua", "Sooty"]
