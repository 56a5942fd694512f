import torch
from tensordict import TensorDict
from torch import Tensor

from terns.agents.base import Tern
from terns.cells.fastweights import FastWeights
from terns.parts.eyes import TokenEyes
from terns.parts.heads import ActionHead, critic
from terns.parts.store import Store, episode_ends, unroll


class Inca(Tern):
    """Remembers in a matrix."""

    def __init__(self, env, *, width: int = 32, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__(env, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.eyes = TokenEyes(width)
        self.memory = FastWeights(width, width)
        self.head = ActionHead(width)
        self.critic = critic(width)
        self.store = Store(matrix=self.memory.state_width)

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        if action is not None:
            return self._evaluate(td, action)
        rows = td.batch_size[0]
        self.stamp(td, 1, rows)
        features = self.eyes(td["env_obs"]).unsqueeze(1)
        core, after = unroll(self._step, features, episode_ends(td, rows, 1), self.store.read(td))
        self.store.write(td, *after)
        log_probs = self._log_probs(core[:, 0])
        index = torch.multinomial(log_probs.exp(), num_samples=1)
        td["actions"] = self.action_index_tensor[index[:, 0]].to(torch.int32)
        td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        td["values"] = self.critic(core[:, 0])[:, 0]
        td["full_log_probs"] = log_probs
        return td

    def _evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        self.stamp(flat, steps, rows)
        features = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        nothing = features.new_zeros(rows, self.memory.state_width)
        core, _ = unroll(self._step, features, episode_ends(td, rows, steps), (nothing,))
        core = core.flatten(0, 1)
        log_probs = self._log_probs(core)
        index = self.joint(action.reshape(-1, 2)).unsqueeze(1)
        flat["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        flat["entropy"] = torch.special.entr(log_probs.exp()).sum(dim=1)
        flat["value"] = self.critic(core)
        flat["full_log_probs"] = log_probs
        return flat.reshape(rows, steps)

    def _step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        answer, matrix = self.memory(x, state[0])
        return answer, (matrix,)

    def _log_probs(self, core: Tensor) -> Tensor:
        return self.head(core, self.num_actions).log_softmax(dim=-1)
