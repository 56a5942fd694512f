# Facts about PufferLib's model wrappers (pufferlib-core 3): what they hold, build and offer.
# Read by the linker wherever `pufferlib.models` is imported; never executed.
import torch.nn as nn

class Default(nn.Module):
    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.hidden_size = hidden_size

    def encode_observations(self, observations, state=None): ...
    def decode_actions(self, hidden): ...

class LSTMWrapper(nn.Module):
    def __init__(self, env, policy, input_size=128, hidden_size=128):
        super().__init__()
        self.obs_shape = env.single_observation_space.shape
        self.policy = policy
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.is_continuous = policy.is_continuous
        for name, param in self.named_parameters():
            if "bias" in name:
                nn.init.constant_(param, 0)
            elif "weight" in name:
                nn.init.orthogonal_(param, 1.0)
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward_eval(self, observations, state): ...
    def forward(self, observations, state): ...
