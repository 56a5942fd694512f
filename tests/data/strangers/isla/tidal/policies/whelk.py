import torch
import torch.nn.functional as F
from torch import nn

from ..nets import ortho, ortho_core
from ..registry import Policies
from ..td import fold, joint, write_rollout, write_training


@Policies.add("whelk")
class Whelk(nn.Module):
    """Scores actions by their embeddings; a GRU between the two."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        tokens, columns = env.single_observation_space.shape
        norms = torch.tensor([env.feature_normalizations.get(i, 1.0) for i in range(256)])
        self.register_buffer("norms", norms.clamp(min=1.0))
        self.fc = ortho(nn.Linear(tokens * columns, hidden_size))
        self.core = ortho_core(nn.GRU(hidden_size, hidden_size))
        self.query = ortho(nn.Linear(hidden_size, 16))
        self.action_embeddings = nn.Embedding(100, 16)
        self.critic = ortho(nn.Linear(hidden_size, 1))
        self.count = 100
        self.envs = env.num_envs
        self.recent = None
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def activate_action_embeddings(self, full_action_names, device):
        self.count = len(full_action_names)

    def has_memory(self):
        return True

    def reset_memory(self):
        self.recent = None

    def __getstate__(self):
        return {**self.__dict__, "recent": None}

    def encode(self, obs):
        tokens = obs.clone()
        tokens[..., 2] = tokens[..., 2] / self.norms[tokens[..., 1].long()]
        tokens = tokens.masked_fill(tokens[..., :1] == 255, 0)
        return F.relu(self.fc(tokens.flatten(1).float()))

    def core_step(self, td, x):
        if self.recent is None:
            self.recent = x.new_zeros(1, self.envs, x.shape[-1])
        rows = td["training_env_id_start"].long() + torch.arange(x.shape[0], device=x.device)
        over = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
        x, h = self.core(x.unsqueeze(0), self.recent[:, rows].masked_fill(over, 0.0))
        self.recent[:, rows] = h.detach()
        return x.squeeze(0)

    def score(self, x):
        rows = self.action_embeddings.weight[: self.count]
        return torch.tanh(torch.einsum("bd,ad->ba", self.query(x), rows))

    def forward(self, td, state=None, action=None):
        td, rows, steps = fold(td, action is not None)
        x = self.encode(td["env_obs"])
        if action is None:
            x = self.core_step(td, x)
            return write_rollout(td, self.score(x), self.critic(x), self.action_index_tensor)
        x, _ = self.core(x.unsqueeze(0))
        x = x.squeeze(0)
        index = joint(action, self.cum_action_max_params)
        return write_training(td, self.score(x), self.critic(x), index).reshape(rows, steps)
