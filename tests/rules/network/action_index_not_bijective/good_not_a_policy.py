import torch.nn as nn


class Codec(nn.Module):
    def forward(self, x):
        return self.lstm(x)

    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action[:, 0]
        return self.cum_action_max_params[types] + flattened_action[:, 1]
