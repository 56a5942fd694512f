from typing import Any, Dict, Optional, Tuple

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from core.memory import StatefulLSTM


def fill_stamps(td: TensorDict, steps: int, rows: int) -> TensorDict:
    like = td["env_obs"]
    count = torch.ones(like.shape[0], dtype=torch.int64, device=like.device)
    return td.update({"bptt": count * steps, "batch": count * rows})


class ActionTable:
    """Mixin: the trainer's tables between (type, argument) and whole actions."""

    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def _convert_action_to_logit_index(self, flat: Tensor) -> Tensor:
        kind, argument = flat.long().T
        return torch.stack([kind, self.cum_action_max_params[kind], argument]).sum(0)

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return torch.index_select(self.action_index_tensor, 0, index)


class ImpalaPolicy(ActionTable, nn.Module):
    def __init__(
        self,
        env: Any,
        width: int = 128,
        num_layers: int = 2,
        max_envs: int = 2048,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ):
        super().__init__()
        self.obs_shape = torch.Size(env.single_observation_space.shape)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.inputs = nn.Linear(3, width)
        self.hidden = nn.Linear(width, width)
        self.memory = StatefulLSTM(width, width, num_layers, max_envs)
        self.pi = nn.Linear(width, sum(env.max_action_args) + len(env.max_action_args))
        self.v = nn.Linear(width, 1)
        self.starts = {name: p.detach().clone() for name, p in self.named_parameters() if name.endswith("weight")}

    has_memory = lambda self: True  # noqa: E731

    def get_memory(self) -> Dict[str, Tensor]:
        return self.memory.snapshot()

    def set_memory(self, memory: Dict[str, Tensor]) -> None:
        self.memory.restore(memory)

    def reset_memory(self) -> None:
        self.memory.clear()

    def get_agent_experience_spec(self) -> Composite:
        return Composite({"env_obs": UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8)})

    def clip_weights(self) -> None:
        if not self.clip_range:
            return
        with torch.no_grad():
            for layer in (self.inputs, self.hidden, self.pi, self.v):
                torch.clamp(layer.weight, -self.clip_range, self.clip_range, out=layer.weight)

    def l2_init_loss(self) -> Tensor:
        loss = self.v.weight.new_zeros(())
        for name, parameter in self.named_parameters():
            if name in self.starts:
                loss = loss + F.mse_loss(parameter, self.starts[name].to(parameter.device), reduction="sum")
        return loss

    def encode(self, obs: Tensor) -> Tensor:
        x = F.elu(self.inputs(obs / 255.0))
        used = obs[..., :1].ne(255)
        x = torch.where(used, x, torch.zeros((), device=x.device)).sum(1) / obs.shape[1]
        return F.elu(self.hidden(x))

    def _recall(self, td: TensorDict, x: Tensor, steps: int, rows: int) -> Tensor:
        flags = [td[key].reshape(rows, steps).T > 0 for key in ("dones", "truncateds") if key in td.keys()]
        keep = torch.ones(steps, rows, device=x.device)
        for flag in flags:
            keep = keep.masked_fill(flag, 0.0)
        ids = torch.arange(rows, device=x.device)
        if "training_env_id_start" in td.keys():
            ids = ids + td["training_env_id_start"].flatten()[0]
        out = self.memory(x.view(rows, steps, -1).transpose(0, 1), keep, ids)
        return out.transpose(0, 1).flatten(0, 1)

    def _heads(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        return self.pi(x).log_softmax(-1), self.v(x)

    def act(self, td: TensorDict) -> TensorDict:
        rows = td.batch_size[0]
        fill_stamps(td, 1, rows)
        logp, value = self._heads(self._recall(td, self.encode(td["env_obs"]), 1, rows))
        noise = torch.empty_like(logp).exponential_().log()
        index = (logp - noise).argmax(-1)
        td["actions"] = self._convert_logit_index_to_action(index).int()
        td["values"] = value[:, 0]
        td["act_log_prob"] = logp[torch.arange(rows, device=logp.device), index]
        td["full_log_probs"] = logp
        return td

    def learn(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = fill_stamps(td.flatten(), steps, rows)
        logp, value = self._heads(self._recall(td, self.encode(flat["env_obs"]), steps, rows))
        index = self._convert_action_to_logit_index(action.reshape(-1, 2))
        return flat.update(
            {
                "act_log_prob": (logp * F.one_hot(index, logp.shape[-1])).sum(-1),
                "entropy": torch.distributions.Categorical(logits=logp).entropy(),
                "value": value,
                "full_log_probs": logp,
            }
        ).unflatten(0, (rows, steps))

    def forward(self, td: TensorDict, state: Any = None, action: Optional[Tensor] = None) -> TensorDict:
        return self.act(td) if action is None else self.learn(td, action)


class ResidualPolicy(ImpalaPolicy):
    def __init__(self, env: Any, width: int = 128, blocks: int = 2, **rest: Any):
        super().__init__(env, width, **rest)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(blocks)
        )

    def encode(self, obs: Tensor) -> Tensor:
        x = super().encode(obs)
        for block in self.blocks:
            x = x + block(x)
        return x.relu()


class GlimpsePolicy(ImpalaPolicy):
    """Looks at the used tokens of each row only, and at how full the row is."""

    def __init__(self, env: Any, width: int = 128, **rest: Any):
        super().__init__(env, width, **rest)
        self.fullness = nn.Linear(16, width)

    def encode(self, obs: Tensor) -> Tensor:
        used = obs[..., 0].ne(255)
        views = [self.inputs(row[:count] / 255.0).relu().sum(0) for row, count in zip(obs, used.sum(1).tolist())]
        near = (used.float().mean(1, keepdim=True) - torch.linspace(0.0, 1.0, 16)).square().mul(-8.0).exp()
        return F.elu(self.hidden(torch.stack(views) / obs.shape[1] + torch.tanh(self.fullness(near))))


class FadingPolicy(ImpalaPolicy):
    """Tokens count less the later they come; rows may be thinned, to see what the agent misses."""

    def __init__(self, env: Any, width: int = 128, thin: int = 0, **rest: Any):
        super().__init__(env, width, **rest)
        self.thin = thin
        tokens = self.obs_shape[0]
        self.register_buffer("fade", torch.logspace(0, -1, tokens), persistent=False)
        self.kept = [place for place in range(tokens) if not thin or place % thin]

    def encode(self, obs: Tensor) -> Tensor:
        fade = self.fade
        if self.thin:
            kept = torch.tensor(self.kept).to(obs.device, non_blocking=True)
            obs, fade = obs.index_select(1, kept), fade.index_select(0, kept)
        used = obs[..., 0].ne(255) * fade
        x = F.elu(self.inputs(obs / 255.0)) * used.unsqueeze(-1)
        return F.elu(self.hidden(x.sum(1) / float(len(self.kept))))


class CompactPolicy(ActionTable, nn.Module):
    """The small network of the first experiments, brought over from the single-process trainer."""

    def __init__(self, env: Any, width: int = 64, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = torch.Size(env.single_observation_space.shape)
        self.inputs = nn.Linear(3, width)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True)
        for name, parameter in self.lstm.named_parameters():
            nn.init.ones_(parameter) if "bias" in name else nn.init.orthogonal_(parameter)
        self.pi = nn.Linear(width, sum(env.max_action_args) + len(env.max_action_args))
        self.v = nn.Linear(width, 1)

    def has_memory(self) -> bool:
        return True

    def reset_memory(self) -> None:
        pass

    def get_agent_experience_spec(self) -> Composite:
        return Composite({"env_obs": UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8)})

    def forward(self, td: TensorDict, state: Any = None, action: Optional[Tensor] = None) -> TensorDict:
        rows = td.batch_size[0]
        steps = 1 if action is None else td.batch_size[1]
        flat = td if action is None else td.reshape(rows * steps)
        flat["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=flat["env_obs"].device)
        x = torch.relu(self.inputs(flat["env_obs"] / 255.0)).mean(1)
        out, _ = self.lstm(x.view(rows, steps, -1))
        out = out.reshape(rows * steps, -1)
        logp, value = self.pi(out).log_softmax(-1), self.v(out)
        if action is None:
            index = torch.multinomial(logp.exp(), 1).squeeze(-1)
            flat["actions"] = self._convert_logit_index_to_action(index).int()
            flat["values"] = value.squeeze(-1)
        else:
            index = self._convert_action_to_logit_index(action.reshape(-1, 2))
            flat["value"] = value
        flat["act_log_prob"] = logp.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        flat["full_log_probs"] = logp
        return flat if action is None else flat.reshape(rows, steps)


class ReplayedPolicy(ImpalaPolicy):
    """Samples once for both modes, and scores what it has sampled."""

    def clip_weights(self) -> None:
        for layer in (self.inputs, self.hidden, self.pi, self.v):
            if self.clip_range > 0:
                layer.weight = nn.Parameter(layer.weight.clamp(-self.clip_range, self.clip_range))

    def l2_init_loss(self) -> Tensor:
        drift = [(self.get_parameter(name).detach() - start.to(self.v.weight.device)) for name, start in self.starts.items()]
        return sum(d.pow(2).sum() for d in drift)

    def learn(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = fill_stamps(td.flatten(), steps, rows)
        logp, value = self._heads(self._recall(td, self.encode(flat["env_obs"]), steps, rows))
        index = torch.distributions.Categorical(logits=logp).sample()
        flat["act_log_prob"] = logp.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        flat["entropy"] = -(logp.exp() * logp).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = logp
        return flat
