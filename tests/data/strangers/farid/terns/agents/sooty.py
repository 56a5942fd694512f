from tensordict import TensorDict
from torch import Tensor
from torch.distributions import Categorical

from terns.agents.base import Tern
from terns.cells import SLSTM
from terns.cells.slstm import SState
from terns.parts.eyes import TokenEyes
from terns.parts.heads import ActionHead, critic
from terns.parts.store import Store, episode_ends, unroll


class Sooty(Tern):
    """The same flights with the scalar LSTM of xLSTM; rollouts resume, training starts anew."""

    def __init__(self, env, *, width: int = 128, **config) -> None:
        super().__init__(env, **config)
        self.eyes = TokenEyes(width)
        self.cell = SLSTM(width, width)
        self.head = ActionHead(width)
        self.critic = critic(width)
        self.store = Store(h=width, c=width, n=width, m=width)

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows, steps = td.batch_size[0], 1 if action is None else td.batch_size[1]
        ends = episode_ends(td, rows, steps)
        flat = td if action is None else td.reshape(-1)
        self.stamp(flat, steps, rows)
        inputs = self.eyes(flat["env_obs"]).unflatten(0, (rows, steps))
        start = SState(*self.store.read(td)) if action is None else SState.zeros(inputs, self.cell.width)
        core, after = unroll(self._step, inputs, ends, start)
        choice = Categorical(logits=self.head(core.flatten(0, 1), self.num_actions))
        value = self.critic(core.flatten(0, 1))
        flat["full_log_probs"] = choice.logits
        if action is None:
            self.store.write(td, *after)
            return self._acted(flat, choice, value)
        return self._judged(flat, choice, value, self.joint(action.view(-1, 2))).reshape(rows, steps)

    def _acted(self, td: TensorDict, choice: Categorical, value: Tensor) -> TensorDict:
        index = choice.sample()
        td["actions"] = self.action_index_tensor[index].int()
        td["act_log_prob"] = choice.log_prob(index)
        td["values"] = value[:, 0]
        return td

    def _judged(self, flat: TensorDict, choice: Categorical, value: Tensor, index: Tensor) -> TensorDict:
        flat["act_log_prob"] = choice.log_prob(index)
        flat["entropy"] = choice.entropy()
        flat["value"] = value
        return flat

    def _step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, SState]:
        return self.cell(x, SState(*state))
