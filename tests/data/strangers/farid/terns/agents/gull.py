"""Takes what it finds: any option, any action table."""

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from terns.agents.base import Tern
from terns.cells import SLSTM
from terns.cells.slstm import SState
from terns.parts.eyes import TokenEyes
from terns.parts.heads import critic
from terns.parts.store import Store, episode_ends, unroll


class Gull(Tern):
    def __init__(self, env, width: int = 128, **options) -> None:
        super().__init__(
            env,
            clip_range=options.get("clip_range", 0.0),
            analyze_weights_interval=options.get("analyze_weights_interval", 300),
        )
        self.eyes = TokenEyes(width)
        self.cell = SLSTM(width, width)
        self.actor_1 = nn.Linear(width, 512)
        self.query = nn.Linear(512, 32)
        self.action_table = nn.Embedding(100, 32)
        nn.init.uniform_(self.action_table.weight, -0.5, 0.5)
        self.critic = critic(width)
        self.store = Store(h=width, c=width, n=width, m=width)
        self.register_buffer("query_start", self.query.weight.detach().clone())

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows, steps = td.batch_size[0], 1 if action is None else td.batch_size[1]
        flat = td if action is None else td.reshape(rows * steps)
        self.stamp(flat, steps, rows)
        inputs = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        start = SState(*self.store.read(td)) if action is None else SState.zeros(inputs, self.cell.width)
        core, after = unroll(self._step, inputs, episode_ends(td, rows, steps), start)
        core = core.reshape(rows * steps, -1)
        query = torch.tanh(self.query(torch.relu(self.actor_1(core))))
        log_probs = (query @ self.action_table.weight[: self.num_actions].T).log_softmax(-1)
        everyone = torch.arange(rows * steps)
        match action:
            case None:
                self.store.write(td, *after)
                index = torch.multinomial(log_probs.exp(), 1).view(-1)
                td["actions"] = self.action_index_tensor[index].to(torch.int32)
                td["act_log_prob"] = log_probs[everyone, index]
                td["values"] = self.critic(core).view(-1)
                td["full_log_probs"] = log_probs
                return td
            case given:
                index = self.joint(given.view(-1, 2))
                flat["act_log_prob"] = log_probs[everyone, index]
                flat["value"] = self.critic(core)
                flat["full_log_probs"] = log_probs
                return flat.reshape(rows, steps)

    def _step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, SState]:
        return self.cell(x, SState(*state))

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.weight = nn.Parameter(layer.weight.clamp(-self.clip_range, self.clip_range))

    def l2_init_loss(self) -> Tensor:
        with torch.no_grad():
            return (self.query.weight - self.query_start).square().sum()
