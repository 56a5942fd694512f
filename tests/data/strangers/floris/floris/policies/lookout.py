"""The house style: an inner net, a core around it, everything else from mixins."""

from __future__ import annotations

from typing import Any, Optional

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from ..mixins import BoundWeights, GroupBank, JointActions, reject, settle, stamps
from ..nets import BagNet, MapNet


class Lookout(BoundWeights, JointActions, GroupBank, nn.Module):
    def __init__(
        self,
        env,
        policy: Optional[nn.Module] = None,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        groups: int = 8,
        rows_per_group: int = 512,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        reject(self, kwargs)
        self.policy = policy if policy is not None else MapNet(env, hidden_size)
        self.lstm = settle(nn.LSTM(self.policy.width, hidden_size, num_layers=num_layers))
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.open_bank(self.lstm, groups, rows_per_group)
        self.drop_anchors()

    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None) -> TensorDict:
        training = action is not None
        batch, steps = td.batch_size if training else (td.batch_size[0], 1)
        if training:
            td = td.reshape(batch * steps)
        td.update(stamps(batch, steps, td["env_obs"].device))

        hidden = self.policy.encode_observations(td["env_obs"])
        sequence = hidden.view(batch, steps, -1).transpose(0, 1)
        if training:
            out, _ = self.lstm(sequence)
        else:
            h, c = self.recall(td)
            out, (h, c) = self.lstm(sequence, (h, c))
            self.keep(td, h, c)
        logits, value = self.policy.decode_actions(out.transpose(0, 1).reshape(batch * steps, -1))

        log_probs = F.log_softmax(logits, dim=-1)
        if training:
            index = self._convert_action_to_logit_index(action.reshape(batch * steps, 2))
            td["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
            td["value"] = value
        else:
            index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(index)
            td["values"] = value
        td["act_log_prob"] = log_probs.gather(1, index[:, None]).squeeze(1)
        td["full_log_probs"] = log_probs
        return td.reshape(batch, steps) if training else td


class Sentry(Lookout):
    """Trains row by row: its auxiliary losses have no use for time."""

    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None) -> TensorDict:
        out = super().forward(td, state, action)
        return out if action is None else out.flatten(0, 1)


class Herder(Lookout):
    """Wide."""

    def __init__(self, env, hidden_size: int = 256, num_layers: int = 2, clip_range: float = 0.0, **kwargs: Any) -> None:
        net = MapNet(env, width=hidden_size, channels=64)
        super().__init__(env, net, hidden_size, clip_range=clip_range, **kwargs)


class Digger(Lookout):
    def __init__(self, env, policy: Optional[nn.Module] = None, hidden_size: int = 128, **kwargs: Any) -> None:
        super().__init__(env, policy or BagNet(env, hidden_size), hidden_size, **kwargs)


class Diver(BoundWeights, JointActions, GroupBank, nn.Module):
    """A gated recurrent unit in the place of the LSTM."""

    def __init__(self, env, *, hidden_size=128, num_layers=1, clip_range=0.0, analyze_weights_interval=300, **more):
        super().__init__()
        bank = {"groups": more.pop("groups", 8), "rows": more.pop("rows_per_group", 512)}
        reject(self, more)
        self.policy = MapNet(env, hidden_size)
        self.core = settle(nn.GRU(hidden_size, hidden_size, num_layers))
        self.open_bank(self.core, parts=1, **bank)
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.drop_anchors()

    def forward(self, td, state=None, action=None):
        return self._act(td) if action is None else self._score(td, action)

    def _act(self, td):
        td.update(stamps(len(td), 1, td["env_obs"].device))
        (kept,) = self.recall(td)
        out, kept = self.core(self.policy.encode_observations(td["env_obs"])[None], kept)
        self.keep(td, kept)
        logits, values = self.policy.decode_actions(out[0])
        dist = torch.distributions.Categorical(logits=logits)
        index = dist.sample()
        td["actions"] = self._convert_logit_index_to_action(index)
        return td.update({"act_log_prob": dist.log_prob(index), "values": values, "full_log_probs": dist.logits})

    def _score(self, td, action):
        shape = td.batch_size
        rows = td.flatten(0, 1)
        rows.update(stamps(*shape, td["env_obs"].device))
        hidden = self.policy.encode_observations(rows["env_obs"]).unflatten(0, shape)
        out, _ = self.core(hidden.swapaxes(0, 1))
        logits, value = self.policy.decode_actions(out.swapaxes(0, 1).flatten(0, 1))
        dist = torch.distributions.Categorical(logits=logits)
        rows["act_log_prob"] = dist.log_prob(self._convert_action_to_logit_index(action.flatten(0, 1)))
        rows["entropy"], rows["value"], rows["full_log_probs"] = dist.entropy(), value, dist.logits
        return rows.unflatten(0, shape)

    def clip_weights(self):
        bound = self.clip_range
        for p in self.parameters() if bound > 0 else ():
            p.data = p.data.clamp(-bound, bound)
