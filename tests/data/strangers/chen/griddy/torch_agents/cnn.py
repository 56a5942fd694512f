from functools import cached_property
from typing import Any, Optional

import torch
import torch.nn as nn
from omegaconf import DictConfig, OmegaConf
from tensordict import TensorDict

from griddy.torch_agents.actions import ActionMixin

DEFAULTS = {"hidden_size": 128, "num_layers": 2, "clip_range": 0.0, "analyze_weights_interval": 300}


class CnnAgent(ActionMixin, nn.Module):
    """The component graph of conf/agent/cnn_small.yaml, by hand."""

    def __init__(self, env, **options: Any):
        super().__init__()
        cfg = OmegaConf.create(DEFAULTS)
        OmegaConf.set_struct(cfg, True)
        self.cfg: DictConfig = OmegaConf.merge(cfg, options)
        self.clip_range = self.cfg.clip_range
        hidden = self.cfg.hidden_size
        self.width, self.height = env.obs_width, env.obs_height
        self.depth = max(env.feature_normalizations) + 1
        scale = torch.tensor([env.feature_normalizations.get(i, 1.0) or 1.0 for i in range(self.depth)])
        self.register_buffer("scale", scale[:, None, None])
        self.stem = nn.Sequential(
            nn.Conv2d(self.depth, 64, 5, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()
        )
        flat = self.stem(torch.zeros(1, self.depth, self.width, self.height)).shape[1]
        self.encode = nn.Sequential(nn.Linear(flat, 128), nn.ReLU(), nn.Linear(128, hidden), nn.ReLU())
        self.core = nn.LSTM(hidden, hidden, self.cfg.num_layers)
        self.critic = nn.Sequential(nn.Linear(hidden, 1024), nn.Tanh(), nn.Linear(1024, 1))
        self.actor = nn.Sequential(nn.Linear(hidden, 512), nn.ReLU(), nn.Linear(512, self.count(env)))
        self._start_core()
        self._memory: Optional[torch.Tensor] = None

    @staticmethod
    def count(env) -> int:
        return sum(most + 1 for most in env.max_action_args)

    def _start_core(self) -> None:
        for name, weight in self.core.named_parameters():
            if name.startswith("weight"):
                nn.init.orthogonal_(weight, gain=1)
            else:
                nn.init.constant_(weight, 1)

    @cached_property
    def clipped(self) -> list[nn.Module]:
        return [m for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]

    def clip_weights(self) -> None:
        if self.clip_range == 0:
            return
        with torch.no_grad():
            for module in self.clipped:
                torch.clamp_(module.weight, -self.clip_range, self.clip_range)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Optional[torch.Tensor]:
        return self._memory.clone() if self._memory is not None else None

    def set_memory(self, memory: Optional[torch.Tensor]) -> None:
        self._memory = memory

    def reset_memory(self) -> None:
        self._memory = None

    def __getstate__(self) -> dict[str, Any]:
        return {key: None if key == "_memory" else value for key, value in self.__dict__.items()}

    def see(self, tokens: torch.Tensor) -> torch.Tensor:
        place, feature, value = (tokens[..., i].long() for i in range(3))
        x, y = place >> 4, place & 0xF
        good = (place < 255) & (x < self.width) & (y < self.height) & (feature < self.depth)
        box = torch.zeros(len(tokens), self.depth, self.width, self.height, device=tokens.device)
        row = torch.arange(len(tokens), device=tokens.device)[:, None].expand_as(place)
        box[row[good], feature[good], x[good], y[good]] = value[good].float()
        return self.encode(self.stem(box / self.scale))

    def _remember(self, td: TensorDict, x: torch.Tensor) -> torch.Tensor:
        """One step of a rollout: [B, H] to [B, H]."""
        if self._memory is None:
            self._memory = x.new_zeros(2, self.cfg.num_layers, 8192, self.cfg.hidden_size)
        rows = torch.arange(len(x), device=x.device)
        if (start := td.get("training_env_id_start", default=None)) is not None:
            rows = rows + start
        state = self._memory[:, :, rows]
        if (dones := td.get("dones", default=None)) is not None:
            state = state * (1 - dones.float()).view(1, 1, -1, 1)
        if (truncateds := td.get("truncateds", default=None)) is not None:
            state = state * (1 - truncateds.float()).view(1, 1, -1, 1)
        out, (h, c) = self.core(x[None], (state[0].contiguous(), state[1].contiguous()))
        self._memory[:, :, rows] = torch.stack((h, c)).detach()
        return out[0]

    def forward(self, td: TensorDict, state=None, action: Optional[torch.Tensor] = None) -> TensorDict:
        if action is None:
            b, t = td.batch_size[0], 1
        else:
            b, t = td.batch_size
            td = td.reshape(b * t)
        device = td["env_obs"].device
        td["bptt"] = torch.full((b * t,), t, device=device, dtype=torch.long)
        td["batch"] = torch.full((b * t,), b, device=device, dtype=torch.long)
        x = self.see(td["env_obs"])
        if action is None:
            x = self._remember(td, x)
            return self.act(td, self.actor(x), self.critic(x))
        x, _ = self.core(x.view(b, t, -1).transpose(0, 1))
        x = x.transpose(0, 1).reshape(b * t, -1)
        return self.judge(td, action, self.actor(x), self.critic(x)).reshape(b, t)
