import torch
import torch.nn.functional as F
from torch import nn

from ..nets import Clipped, ortho
from ..registry import Policies
from ..td import joint


@Policies.add("limpet")
class Limpet(Clipped, nn.Module):
    """The smallest that still learns: no memory, one layer. For smoke tests of the whole pipeline."""

    def __init__(self, env, width=64, clip_range=0.0, **kwargs):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = kwargs.get("analyze_weights_interval", 300)
        self.layers = max(env.feature_normalizations) + 1
        self.width, self.height = env.obs_width, env.obs_height
        self.fc = ortho(nn.Linear(self.layers * self.width * self.height, width))
        self.types = list(env.max_action_args)
        self.actor = ortho(nn.Linear(width, sum(m + 1 for m in self.types)), 0.01)
        self.critic = ortho(nn.Linear(width, 1))
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def has_memory(self):
        return False

    def reset_memory(self):
        pass

    def encode(self, tokens):
        where, layer = tokens[..., 0], tokens[..., 1].long()
        cell = (where >> 4).long() * self.height + (where & 0x0F).long()
        size = self.layers * self.width * self.height
        index = torch.where(where == 0xFF, size, layer * self.width * self.height + cell)
        flat = torch.zeros(tokens.shape[0], size + 1, device=tokens.device)
        flat.scatter_(1, index, tokens[..., 2].float() / 255.0)
        return F.relu(self.fc(flat[:, :size]))

    def forward(self, td, state=None, action=None):
        if action is None:
            x = self.encode(td["env_obs"])
            log_probs = F.log_softmax(self.actor(x), dim=-1)
            best = log_probs.max(dim=-1)
            td["actions"] = torch.zeros(len(x), 2, dtype=torch.int32, device=x.device)
            td["act_log_prob"] = best.values
            td["values"] = self.critic(x).squeeze(-1)
            td["full_log_probs"] = log_probs
            self.spread = log_probs.exp().std(dim=-1).cpu()
            return td

        rows, steps = td.batch_size
        flat = td.flatten()
        x = self.encode(flat["env_obs"])
        log_probs = F.log_softmax(self.actor(x), dim=-1)
        index = joint(action, self.cum_action_max_params)
        flat["act_log_prob"] = log_probs[torch.arange(len(x), device=x.device), index]
        flat["value"] = self.critic(x)
        flat["full_log_probs"] = log_probs
        return flat.view(rows, steps)
