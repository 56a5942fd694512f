from __future__ import annotations

from typing import Any, Optional

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from boxrunner.memory import LaneMemory


def stamp(td: TensorDict, steps: int, rows: int, device: torch.device) -> None:
    count = td.batch_size[0]
    td["bptt"] = torch.full((count,), steps, dtype=torch.int64, device=device)
    td["batch"] = torch.full((count,), rows, dtype=torch.int64, device=device)


class BoxAgent(nn.Module):
    """Encoder, LSTM, head and critic, driven by the trainer's TensorDicts."""

    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def __init__(
        self,
        env: Any,
        encoder: nn.Module,
        head: nn.Module,
        *,
        hidden_size: int = 128,
        num_layers: int = 2,
        lanes: int = 4096,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = env.single_observation_space.shape
        self.encoder = encoder
        self.head = head
        self.core = nn.LSTM(encoder.out_features, hidden_size, num_layers)
        for parameter in self.core.parameters():
            if parameter.dim() > 1:
                nn.init.orthogonal_(parameter, 1.0)
            else:
                nn.init.ones_(parameter)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))
        self.memory = LaneMemory(num_layers, lanes, hidden_size)
        self.origin = {name: f"origin_{i}" for i, (name, _) in enumerate(self._drawn())}
        for name, weight in self._drawn():
            self.register_buffer(self.origin[name], weight.detach().clone(), persistent=False)

    # -- the trainer's forward ---------------------------------------------------------------------------------

    def forward(self, td: TensorDict, state: Any = None, action: Optional[Tensor] = None) -> TensorDict:
        if action is None:
            return self.act(td)
        return self.evaluate(td, action)

    def act(self, td: TensorDict) -> TensorDict:
        observation = td["env_obs"]
        rows = observation.shape[0]
        stamp(td, 1, rows, observation.device)
        lanes = self.memory.lanes(td, rows)
        hidden, cell = self.memory.read(lanes, self.memory.ended(td, rows))
        out, (hidden, cell) = self.core(self.encoder(observation).unsqueeze(0), (hidden, cell))
        self.memory.write(lanes, hidden, cell)

        log_probs = F.log_softmax(self.head(out[0]), dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(1)).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["values"] = self.critic(out[0]).flatten()
        td["full_log_probs"] = log_probs
        return td

    def evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        observation = flat["env_obs"]
        stamp(flat, steps, rows, observation.device)
        sequence = self.encoder(observation).view(rows, steps, -1).transpose(0, 1)
        out, _ = self.core(sequence)
        features = out.transpose(0, 1).reshape(rows * steps, -1)

        log_probs = F.log_softmax(self.head(features), dim=-1)
        index = self._convert_action_to_logit_index(action.reshape(rows * steps, 2))
        flat["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = self.critic(features)
        flat["full_log_probs"] = log_probs
        return flat.reshape(rows, steps)

    # -- actions -----------------------------------------------------------------------------------------------

    def activate_action_embeddings(self, names: list[str], device: torch.device) -> None:
        self.head.activate(len(names))

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        kind, argument = action[:, 0].long(), action[:, 1].long()
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    # -- memory ------------------------------------------------------------------------------------------------

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[str, Tensor]:
        return self.memory.snapshot()

    def set_memory(self, memory: dict[str, Tensor]) -> None:
        self.memory.restore(memory)

    def reset_memory(self) -> None:
        self.memory.clear()

    # -- weights -----------------------------------------------------------------------------------------------

    def _drawn(self) -> list[tuple[str, Tensor]]:
        return [(name, p) for name, p in self.named_parameters() if p.dim() > 1 and not name.startswith("core.")]

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for parameter in self.parameters():
            parameter.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        drift = [(weight - getattr(self, self.origin[name])).square().sum() for name, weight in self._drawn()]
        return torch.stack(drift).sum()

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=self.tokens, dtype=torch.uint8))
