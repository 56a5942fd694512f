import torch
from tensordict import TensorDict
from torch import Tensor

from terns.agents.base import Tern
from terns.cells import MinGRU
from terns.parts.eyes import TokenEyes
from terns.parts.heads import ActionHead, critic
from terns.parts.store import Store, episode_ends, unroll


class Arctic(Tern):
    """A minGRU: one gate, one candidate, far flights."""

    def __init__(self, env, *, width: int = 128, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__(env, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.eyes = TokenEyes(width)
        self.cell = MinGRU(width, width)
        self.head = ActionHead(width)
        self.critic = critic(width)
        self.store = Store(h=width)

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        match action:
            case None:
                return self._fly(td)
            case _:
                return self._recount(td, action)

    def _fly(self, td: TensorDict) -> TensorDict:
        rows = td.batch_size[0]
        self.stamp(td, 1, rows)
        core = self._remember(td, td["env_obs"], rows, 1)
        log_probs, value = self._judge(core)
        index = torch.multinomial(log_probs.exp(), 1).squeeze(1)
        td["actions"] = self.action_index_tensor[index].int()
        td["act_log_prob"] = self._at(log_probs, index)
        td["values"] = value.squeeze(1)
        td["full_log_probs"] = log_probs
        return td

    def _recount(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = td.flatten()
        self.stamp(flat, steps, rows)
        log_probs, value = self._judge(self._remember(td, flat["env_obs"], rows, steps))
        flat["act_log_prob"] = self._at(log_probs, self.joint(action).flatten())
        flat["entropy"] = -log_probs.mul(log_probs.exp()).sum(1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
        return flat.unflatten(0, (rows, steps))

    def _remember(self, td: TensorDict, tokens: Tensor, rows: int, steps: int) -> Tensor:
        inputs = self.eyes(tokens).view(rows, steps, -1)
        core, (h,) = unroll(self._step, inputs, episode_ends(td, rows, steps), self.store.read(td))
        self.store.write(td, h)
        return core.flatten(0, 1)

    def _step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        (h,) = state
        h = self.cell(x, h)
        return h, (h,)

    def _judge(self, core: Tensor) -> tuple[Tensor, Tensor]:
        return self.head(core, self.num_actions).log_softmax(dim=1), self.critic(core)

    @staticmethod
    def _at(log_probs: Tensor, index: Tensor) -> Tensor:
        return log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
