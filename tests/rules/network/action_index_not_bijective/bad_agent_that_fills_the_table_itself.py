import torch
import torch.nn as nn


class Agent(nn.Module):
    def __init__(self, policy):
        super().__init__()
        self.policy = policy

    def forward(self, td: dict, action=None):
        return self.policy(td, action)

    def spec(self):
        return dict(env_obs=(200, 3))

    def activate_actions(self, names, most, device):
        self.cum_action_max_params = torch.cumsum(torch.tensor([0] + most, device=device), dim=0)

    def _convert_action_to_logit_index(self, flattened_action):  # expect: PF503
        if hasattr(self.policy, "_convert_action_to_logit_index"):
            return self.policy._convert_action_to_logit_index(flattened_action)
        types, arguments = flattened_action[:, 0].long(), flattened_action[:, 1].long()
        return self.cum_action_max_params[types] + arguments
