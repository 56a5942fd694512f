import torch
from tensordict import TensorDict
from torch import Tensor, nn

from terns.agents.base import Tern
from terns.parts.eyes import TokenEyes
from terns.parts.heads import ActionHead, critic
from terns.parts.store import episode_ends


class Skua(Tern):
    """torch's LSTM for comparison. Its state is a pair, so it is kept here and not in a store."""

    def __init__(
        self,
        env,
        *,
        width: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__(env, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.eyes = TokenEyes(width)
        self.lstm = nn.LSTM(width, width, num_layers=1)
        self.head = ActionHead(width)
        self.critic = critic(width)
        self._pair: tuple[Tensor, Tensor] | None = None

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows, steps = td.batch_size[0], 1 if action is None else td.batch_size[1]
        flat = td if action is None else td.reshape(-1)
        self.stamp(flat, steps, rows)
        inputs = self.eyes(flat["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        core = self._run(inputs, episode_ends(td, rows, steps).T).transpose(0, 1).flatten(0, 1)
        log_probs = self.head(core, self.num_actions).log_softmax(-1)
        flat["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            flat["actions"] = self.action_index_tensor[index.squeeze(1)].int()
            flat["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            flat["values"] = self.critic(core).squeeze(1)
            return flat
        index = self.joint(action.view(-1, 2)).unsqueeze(1)
        flat["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        flat["entropy"] = -(log_probs * log_probs.exp()).sum(1)
        flat["value"] = self.critic(core)
        return flat.reshape(rows, steps)

    def _run(self, inputs: Tensor, ends: Tensor) -> Tensor:
        pair = self._pair
        if pair is None:
            blank = inputs.new_zeros(1, inputs.shape[1], self.lstm.hidden_size)
            pair = (blank, blank)
        outputs = []
        for x, end in zip(inputs, ends, strict=True):
            if end.any():
                pair = tuple(s * (~end)[None, :, None] for s in pair)
            out, pair = self.lstm(x[None], pair)
            outputs.append(out[0])
        self._pair = tuple(s.detach() for s in pair)
        return torch.stack(outputs)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_pair": None}

    def get_memory(self) -> tuple[Tensor, Tensor] | None:
        return self._pair

    def set_memory(self, memory: tuple[Tensor, Tensor] | None) -> None:
        self._pair = memory

    def reset_memory(self) -> None:
        pass
