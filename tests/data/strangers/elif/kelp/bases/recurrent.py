from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from .mixins import ClipMixin, JointActionMixin, L2InitMixin, LSTMState, SlotMemoryMixin
from .policy import PolicyBase


class RecurrentBase(ClipMixin, L2InitMixin, JointActionMixin, SlotMemoryMixin, PolicyBase):
    """Encoder -> LSTM -> heads. Subclasses say what the encoder and the heads are."""

    def __init__(self, env, *, input_size: int = 128, hidden_size: int = 128, num_layers: int = 2, **config) -> None:
        super().__init__(env, **config)
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers)
        self._init_core()
        self.make_slots(num_layers, hidden_size, slots=4096)

    def _init_core(self) -> None:
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("weight"):
                nn.init.orthogonal_(parameter, 1.0)
            elif name.startswith("bias"):
                nn.init.constant_(parameter, 1)

    @abstractmethod
    def encode(self, tokens: Tensor) -> Tensor:
        """Bytes [N, M, 3] -> features [N, input_size]."""

    @abstractmethod
    def decode(self, core: Tensor) -> tuple[Tensor, Tensor]:
        """Core output [N, H] -> logits [N, A] and values [N, 1]."""

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        if self.is_training_call(action):
            return self._train_call(td, action)
        rows = td.batch_size[0]
        self._stamp(td, 1, rows)
        core, after = self._step(self.encode(td["env_obs"]), self.recall(td), self._over(td, rows, 1)[:, 0])
        self.keep(td, after)
        logits, value = self.decode(core)
        log_probs = F.log_softmax(logits, dim=-1)
        chosen = torch.multinomial(log_probs.exp(), num_samples=1)
        td.update(
            {
                "actions": self.pair(chosen.view(-1)),
                "act_log_prob": log_probs.gather(1, chosen).view(-1),
                "values": value.view(-1),
                "full_log_probs": log_probs,
            }
        )
        return td

    def _train_call(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        self._stamp(flat, steps, rows)
        features = self.encode(flat["env_obs"]).view(rows, steps, -1)
        over = self._over(td, rows, steps)
        state = self._blank(features, rows)
        outputs: list[Tensor] = []
        for t in range(steps):
            out, state = self._step(features[:, t], state, over[:, t])
            outputs.append(out)
        logits, value = self.decode(torch.stack(outputs, dim=1).view(rows * steps, -1))
        log_probs = F.log_softmax(logits, dim=-1)
        flat.update(
            {
                "act_log_prob": log_probs.gather(1, self.joint_index(action).view(-1, 1)).view(-1),
                "entropy": -(log_probs.exp() * log_probs).sum(dim=-1),
                "value": value,
                "full_log_probs": log_probs,
            }
        )
        return flat.reshape(rows, steps)

    def _step(self, features: Tensor, state: LSTMState, over: Tensor) -> tuple[Tensor, LSTMState]:
        out, after = self.lstm(features.unsqueeze(0), tuple(state.cleared(over)))
        return out.squeeze(0), LSTMState(*after)

    def _blank(self, like: Tensor, rows: int) -> LSTMState:
        zeros = like.new_zeros(self.lstm.num_layers, rows, self.lstm.hidden_size)
        return LSTMState(zeros, zeros)

    @staticmethod
    def _over(td: TensorDict, rows: int, steps: int) -> Tensor:
        over = torch.zeros(rows, steps, dtype=torch.bool, device=td["env_obs"].device)
        if "dones" in td.keys():
            over = over | td["dones"].view(rows, steps).bool()
        if "truncateds" in td.keys():
            over = over | td["truncateds"].view(rows, steps).bool()
        return over

    @staticmethod
    def _stamp(td: TensorDict, steps: int, rows: int) -> None:
        ones = torch.ones(steps * rows, dtype=torch.long, device=td["env_obs"].device)
        td.set("bptt", ones * steps)
        td.set("batch", ones * rows)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(
            env_obs=UnboundedDiscrete(shape=self.token_shape, dtype=torch.uint8),
            dones=UnboundedContinuous(shape=()),
            truncateds=UnboundedContinuous(shape=()),
        )
