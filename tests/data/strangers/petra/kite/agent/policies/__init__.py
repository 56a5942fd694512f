from kite.agent.policies.curlew import Curlew
from kite.agent.policies.heron import Heron

AGENTS = {"heron": Heron, "curlew": Curlew}
