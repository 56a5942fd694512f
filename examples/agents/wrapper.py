"""The project's own way to put an LSTM between a net's encoder and its heads."""

from torch import nn


class LSTMWrapper(nn.Module):
    """Holds a net (`encode_observations`, `decode_actions`) and the LSTM that runs between the two."""

    def __init__(self, env, policy, input_size=64, hidden_size=64):
        super().__init__()
        self.obs_shape = env.single_observation_space.shape
        self.policy = policy
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size)
