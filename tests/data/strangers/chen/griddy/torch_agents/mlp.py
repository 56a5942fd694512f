from typing import Optional

import torch
import torch.nn as nn
from tensordict import TensorDict

from griddy.torch_agents.actions import ActionMixin


class MlpAgent(ActionMixin, nn.Module):
    def __init__(self, env, hidden_size: int = 128, num_layers: int = 2, clip_range: float = 0.0, analyze_weights_interval: int = 300, **kwargs):
        super().__init__()
        self.clip_range = clip_range
        self.hidden_size = hidden_size
        tokens, parts = env.single_observation_space.shape
        self.encode = nn.Sequential(nn.Linear(tokens * parts, 256), nn.Linear(256, hidden_size), nn.ReLU())
        self.core = nn.LSTM(hidden_size, hidden_size, 1)
        for name, weight in self.core.named_parameters():
            if "bias" in name:
                nn.init.zeros_(weight)
            else:
                nn.init.xavier_uniform_(weight)
        self.critic = nn.Linear(hidden_size, 1)
        self.actor = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        self.start = {name: weight.detach().clone() for name, weight in self.named_parameters()}
        self._h: dict[int, torch.Tensor] = {}
        self._c: dict[int, torch.Tensor] = {}

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return self._h, self._c

    def set_memory(self, memory) -> None:
        self._h, self._c = memory

    def reset_memory(self) -> None:
        self._h.clear()
        self._c.clear()

    def forward(self, td: TensorDict, state=None, action: Optional[torch.Tensor] = None) -> TensorDict:
        if td.batch_dims == 2:
            b, t = td.batch_size
            td = td.reshape(b * t)
        else:
            (b,), t = td.batch_size, 1
        tokens = td["env_obs"]
        tokens.masked_fill_(tokens == 255, 0)
        td["bptt"] = torch.full((b * t,), t, device=tokens.device, dtype=torch.long)
        td["batch"] = torch.full((b * t,), b, device=tokens.device, dtype=torch.long)
        x = self.encode(tokens.flatten(1).float() / 255)
        group = td["training_env_id_start"][0].item() if "training_env_id_start" in td.keys() else 0
        if group in self._h:
            h, c = self._h[group], self._c[group]
            dones, truncateds = td.get("dones", None), td.get("truncateds", None)
            if dones is not None and truncateds is not None:
                ended = torch.logical_and(dones.bool(), truncateds.bool()).view(1, -1, 1)
                h, c = h.masked_fill(ended, 0), c.masked_fill(ended, 0)
        else:
            h = c = torch.zeros(1, b, self.hidden_size, device=x.device)
        out, (h, c) = self.core(x.view(b, t, -1).transpose(0, 1), (h, c))
        self._h[group], self._c[group] = h.detach(), c.detach()
        out = out.transpose(0, 1).flatten(0, 1)
        if action is None:
            return self.act(td, self.actor(out), self.critic(out))
        return self.judge(td, action, self.actor(out), self.critic(out)).reshape(b, t)

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    module.weight = nn.Parameter(module.weight.clamp(-self.clip_range, self.clip_range))

    @torch.no_grad()
    def l2_init_loss(self) -> torch.Tensor:
        return sum(((p - self.start[n].to(p.device)) ** 2).sum() for n, p in self.named_parameters())
