"""The template: subclasses encode observations and decode features."""

import torch
from tensordict import TensorDict
from torch import nn

from .heads import JointActions, Regularised, orthogonal_core
from .memory import EnvMemory


class FlockAgent(JointActions, Regularised, EnvMemory, nn.Module):
    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        **unknown,
    ):
        super().__init__()
        if unknown:
            raise TypeError(f"{type(self).__name__} knows no {', '.join(sorted(unknown))}")
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.core = orthogonal_core(nn.LSTM(hidden_size, hidden_size, num_layers=num_layers))
        self.build(env)
        self.remember_weights()

    def build(self, env) -> None:
        raise NotImplementedError

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def decode(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        training = action is not None
        rows, steps = td.batch_size if training else (td.batch_size[0], 1)
        flat = td.reshape(rows * steps) if training else td
        observations = flat["env_obs"]
        for stamp, number in (("bptt", steps), ("batch", rows)):
            flat[stamp] = torch.full((rows * steps,), number, dtype=torch.int64, device=observations.device)

        features = self.encode(observations).view(rows, steps, -1).transpose(0, 1)
        if training:
            features, _ = self.core(features)  # minibatches are cut anywhere: they start from nothing
        else:
            columns, memory = self._recall(td, features, self.num_layers, self.hidden_size)
            features, memory = self.core(features, memory)
            self._keep(columns, memory)
        logits, value = self.decode(features.transpose(0, 1).reshape(rows * steps, -1))

        if training:
            return self.evaluate(flat, logits, value, action).reshape(rows, steps)
        return self.sample(flat, logits, value)
