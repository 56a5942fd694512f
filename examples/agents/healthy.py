"""An agent that keeps the contract: the net is its own, everything else is inherited."""

from policyfix.runtime import RecurrentPolicy

from .inventory import InventoryNet


class Healthy(RecurrentPolicy):
    """The net between observation and LSTM, and between LSTM and actions, is all that an agent must bring."""

    def __init__(self, env, input_size=64, hidden_size=64, **config):
        net = InventoryNet(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, net, input_size, hidden_size, **config)
