from .cnn import CnnAgent as CnnAgent
from .mlp import MlpAgent as MlpAgent

agent_classes = {"cnn_small": CnnAgent, "mlp": MlpAgent}
