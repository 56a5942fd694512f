from kite.agent.agent import KiteAgent
from kite.agent.policies import Curlew, Heron

__all__ = ["Curlew", "Heron", "KiteAgent"]
