from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from .folding import folded, half_folded
from .nets import ActionScores, Attend, Look, MeanScores
from .state import LSTMState, Slots


def _clamp(module: nn.Module, *, bound: float) -> None:
    match module:
        case nn.Linear() | nn.Conv2d():
            module.weight.data.clamp_(-bound, bound)


def _start(core: nn.RNNBase, gain: float = 1.0) -> None:
    for name, weight in core.named_parameters():
        match name.split("_")[0]:
            case "weight":
                nn.init.orthogonal_(weight, gain)
            case "bias":
                nn.init.constant_(weight, 1.0)


class Attentive(nn.Module):
    """Attention, an LSTM, bilinear scores."""

    def __init__(self, env, width: int = 64, layers: int = 2, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.width, self.layers = width, layers
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.eyes = Attend(env, width)
        self.core = nn.LSTM(width, width, layers)
        _start(self.core)
        self.scores = ActionScores(width, sum(n + 1 for n in env.max_action_args))
        self.value = nn.Linear(width, 1)
        self.slots: Slots = Slots()

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, LSTMState]:
        return {**self.slots}

    def set_memory(self, memory: dict[int, LSTMState]) -> None:
        self.slots = Slots(memory)

    def reset_memory(self) -> None:
        self.slots = Slots()

    @torch._dynamo.disable
    @folded
    def forward(self, td: TensorDict, batch: int, steps: int, action: Tensor | None) -> TensorDict:
        x = self.eyes(td["env_obs"]).view(batch, steps, self.width)
        slot = 0 if "training_env_id_start" not in td.keys() else td["training_env_id_start"][0].item()
        state = self.slots.get(slot) or LSTMState.zeros(self.layers, batch, self.width, like=x)
        for flag in ("dones", "truncateds") if action is None else ():
            if (ended := td.get(flag, None)) is not None:
                state = state.where(~ended.bool())
        out, (h, c) = self.core(x.transpose(0, 1), state.pair())
        self.slots[slot] = LSTMState(h, c).detach()
        out = out.transpose(0, 1).flatten(0, 1)
        policy = torch.distributions.Categorical(logits=self.scores(out))
        td["full_log_probs"] = policy.logits
        if action is None:
            index = policy.sample()
            td["actions"] = self.action_index_tensor[index].to(torch.int32)
            td["values"] = self.value(out).squeeze(-1)
        else:
            kind, argument = action.view(-1, 2).long().T
            index = kind + self.cum_action_max_params[kind] + argument
            td["entropy"] = policy.entropy()
            td["value"] = self.value(out)
        td["act_log_prob"] = policy.log_prob(index)
        return td

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            self.apply(partial(_clamp, bound=self.clip_range))


class Mixed(nn.Module):
    """Everything that was at hand."""

    def __init__(self, env, width: int = 64, num_layers: int = 2, **options: Any):
        super().__init__()
        self.clip_range = options.get("clip_range", 0.0)
        self.analyze_weights_interval = options.get("analyze_weights_interval", 300)
        self.eyes = Look(width)
        self.core = nn.LSTM(width, width, num_layers=2)
        _start(self.core, gain=0.5)
        self.scores = MeanScores(width, env)
        self.value = nn.Linear(width, 1)
        self.state: LSTMState | None = None

    def get_memory(self) -> dict[str, Any]:
        return {"state": self.state}

    def set_memory(self, memory: dict[str, Any]) -> None:
        self.state = memory["state"]

    def reset_memory(self) -> None:
        self.state = None

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        with half_folded(td) as (rows, batch, steps):
            x = self.eyes(rows["env_obs"]).view(batch, steps, -1).transpose(0, 1)
            if self.state is None:
                self.state = LSTMState(*torch.zeros(2, 2, batch, x.shape[-1]))
            out, (h, c) = self.core(x, self.state.pair())
            self.state = LSTMState(h, c)
            out = out.transpose(0, 1).flatten(0, 1)
            policy = torch.distributions.Categorical(logits=self.scores(out))
            index = policy.sample()
            rows["full_log_probs"] = policy.logits
            rows["act_log_prob"] = policy.log_prob(index)
            rows["value"] = self.value(out).squeeze(-1)
            if action is None:
                rows["actions"] = self.action_index_tensor[index].to(torch.int32)
            else:
                rows["entropy"] = policy.entropy()
        return rows

    def clip_weights(self) -> None:
        bound = 0
        if bound:
            self.apply(partial(_clamp, bound=bound))

    def l2_init_loss(self) -> Tensor:
        with torch.no_grad():
            return torch.stack([w.square().sum() for w in self.parameters()]).sum()


class Windowed(nn.Module):
    """A feed-forward policy with a window of past features in its TensorDict. No recurrent core."""

    def __init__(self, env, width: int = 64, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.eyes = Attend(env, width)
        self.policy = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, sum(n + 1 for n in env.max_action_args)))
        self.value = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    @folded
    def forward(self, td: TensorDict, batch: int, steps: int, action: Tensor | None) -> TensorDict:
        x = self.eyes(td["env_obs"])
        logp = self.policy(x).log_softmax(-1)
        pick = partial(torch.gather, logp, 1)
        if action is None:
            index = torch.multinomial(logp.exp(), 1)
            td.update({"actions": self.action_index_tensor[index[:, 0]].int(), "values": self.value(x)[:, 0]})
        else:
            kind, argument = map(itemgetter, (0, 1))
            pairs = action.reshape(-1, 2).long().T
            index = (kind(pairs) + self.cum_action_max_params[kind(pairs)] + argument(pairs))[:, None]
            td.update({"entropy": -(logp * logp.exp()).sum(-1), "value": self.value(x)})
        return td.update({"act_log_prob": pick(index)[:, 0], "full_log_probs": logp})

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            self.apply(partial(_clamp, bound=self.clip_range))
