from metta.agent.pytorch.fast import Fast
from metta.agent.pytorch.fast_v2 import FastV2
from metta.agent.pytorch.gru_agent import GruAgent

agent_classes = {
    "fast": Fast,
    "fast_v2": FastV2,
    "gru": GruAgent,
}
