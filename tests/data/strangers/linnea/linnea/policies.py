from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from linnea.nets import RadialEncoder, StateBank, TokenEncoder, orthogonal_core


class JointActions:
    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        action = action.reshape(-1, 2).long()
        return action.sum(dim=-1) + self.cum_action_max_params.take(action[:, 0])

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]


class Bounded:
    """Bounds the matrices that are not the core's."""

    def clip_weights(self) -> None:
        if self.clip_range > 0.0:
            for name, weight in self.named_parameters():
                if weight.ndim > 1 and not name.startswith("core"):
                    weight.detach().clamp_(-self.clip_range, self.clip_range)


class Recaller(JointActions, Bounded, nn.Module):
    """Remembers nothing itself. Who calls it keeps `core_state` and hands it back as `state`."""

    def __init__(self, env, width=128, depth=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.obs_shape = torch.Size(env.single_observation_space.shape)
        self.width, self.depth = width, depth
        self.encoder = TokenEncoder(env, width)
        self.core = orthogonal_core(nn.LSTM(width, width, depth))
        self.actor = nn.Linear(width, sum(most + 1 for most in env.max_action_args))
        self.critic = nn.Linear(width, 1)

    def get_agent_experience_spec(self):
        flag = UnboundedContinuous(shape=torch.Size([]))
        return Composite(
            env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8), dones=flag, truncateds=flag.clone()
        )

    def has_memory(self):
        return False

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        return None

    def reset_memory(self):
        return None

    def initial(self, rows, like):
        return like.new_zeros(rows, 2 * self.depth * self.width)

    def encode(self, td):
        return self.encoder(td["env_obs"])

    def forward(self, td, state=None, action=None):
        rows, steps = (len(td), 1) if action is None else td.shape
        cut = td["dones"].bool().bitwise_or(td["truncateds"].bool()).view(rows, steps)
        flat = td if action is None else td.reshape(-1)
        flat.set("bptt", flat["env_obs"].new_full((rows * steps,), steps, dtype=torch.int64))
        flat.set("batch", flat["env_obs"].new_full((rows * steps,), rows, dtype=torch.int64))
        x = self.encode(flat).view(rows, steps, -1)
        state = self.initial(rows, x) if state is None else state
        outs, states = [], []
        for x_t, cut_t in zip(x.unbind(1), cut.unbind(1)):
            state = torch.where(cut_t[:, None], torch.zeros_like(state), state)
            h, c = state.view(rows, 2, self.depth, self.width).permute(1, 2, 0, 3).contiguous()
            out, new = self.core(x_t[None], (h, c))
            state = torch.stack(new).permute(2, 0, 1, 3).reshape(rows, -1)
            outs.append(out[0])
            states.append(state.detach())
        x = torch.stack(outs, dim=1).view(rows * steps, -1)
        flat["core_state"] = torch.stack(states, dim=1).view(rows * steps, -1)
        log_probs = self.actor(x).log_softmax(dim=-1)
        value = self.critic(x)
        if action is None:
            index = log_probs.exp().multinomial(1)[:, 0]
            flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
        else:
            index = self._convert_action_to_logit_index(action)
            flat["entropy"] = -(log_probs * log_probs.exp()).sum(dim=-1)
        flat["values" if action is None else "value"] = value[:, 0] if action is None else value
        flat["act_log_prob"] = log_probs.take_along_dim(index[:, None], dim=1)[:, 0]
        flat["full_log_probs"] = log_probs
        return flat if action is None else flat.reshape(rows, steps)


class Informed(Recaller):
    """Is told what it did last."""

    def __init__(self, env, width=128, depth=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, width, depth, analyze_weights_interval=analyze_weights_interval)
        self.last = nn.Embedding(sum(most + 1 for most in env.max_action_args), width)

    def encode(self, td):
        index = self._convert_action_to_logit_index(td["last_actions"])
        return self.encoder(td["env_obs"]) + self.last(index)


class Keeper(JointActions, Bounded, nn.Module):
    """Keeps the states of its groups in a bank; a group is found on the device."""

    encoder_class = TokenEncoder

    def __init__(self, env, width=128, groups=8, rows=512, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.obs_shape = torch.Size(env.single_observation_space.shape)
        self.rows = rows
        self.encoder = self.encoder_class(env, width)
        self.core = orthogonal_core(nn.GRU(width, width, 2, batch_first=True))
        self.states = StateBank(groups, rows, 2 * width)
        self.actor = nn.Linear(width, sum(most + 1 for most in env.max_action_args))
        self.critic = nn.Linear(width, 1)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states.bank.clone()

    def set_memory(self, memory):
        self.states.bank.copy_(memory)

    def reset_memory(self):
        self.states.clear()

    def group(self, td):
        first = td.get("training_env_id_start", default=None)
        if first is None:
            return torch.zeros(1, dtype=torch.int64, device=td["env_obs"].device)
        return first.reshape(-1)[:1] // self.rows

    def cuts(self, td, rows, steps):
        cuts = torch.zeros((rows, steps), dtype=torch.bool, device=td["env_obs"].device)
        if "dones" in td.keys():
            cuts = cuts | (td["dones"].view(rows, steps) != 0)
        if "truncateds" in td.keys():
            cuts = cuts | (td["truncateds"].view(rows, steps) != 0)
        return cuts

    def remember(self, x, td, rows, steps):
        group, cuts = self.group(td), self.cuts(td, rows, steps)
        state, outs = self.states.fetch(group, rows), []
        for t in range(steps):
            state = state * cuts[:, t, None].logical_not()
            out, h = self.core(x[:, t, None], state.view(rows, 2, -1).transpose(0, 1).contiguous())
            state = h.transpose(0, 1).reshape(rows, -1)
            outs.append(out)
        self.states.keep(group, state)
        return torch.cat(outs, dim=1)

    def score(self, x):
        return self.actor(x).log_softmax(dim=-1), self.critic(x)

    def see(self, obs):
        return self.encoder(obs)

    def forward(self, td, state=None, action=None):
        rows, steps = (len(td), 1) if action is None else td.shape
        flat = td if action is None else td.reshape(-1)
        flat["bptt"] = flat["env_obs"].new_full((rows * steps,), steps, dtype=torch.int64)
        flat["batch"] = flat["env_obs"].new_full((rows * steps,), rows, dtype=torch.int64)
        x = self.see(flat["env_obs"]).view(rows, steps, -1)
        log_probs, value = self.score(self.remember(x, td, rows, steps).flatten(0, 1))
        if action is None:
            index = log_probs.exp().multinomial(1)
            flat["actions"] = self._convert_logit_index_to_action(index[:, 0]).to(torch.int32)
            flat["values"] = value[:, 0]
        else:
            index = self._convert_action_to_logit_index(action)[:, None]
            flat["entropy"] = -(log_probs * log_probs.exp()).sum(dim=-1)
            flat["value"] = value
        flat["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        flat["full_log_probs"] = log_probs
        return flat if action is None else flat.reshape(rows, steps)


class Radial(Keeper):
    encoder_class = RadialEncoder


class Eager(Keeper):
    """Guards against the crashes of the long runs."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.most_features = max(env.feature_normalizations)
        self.peaks = []

    def see(self, obs):
        obs[..., 1].clamp_(max=self.most_features)
        return self.encoder(obs)

    def score(self, x):
        logits = self.actor(x)
        logits = logits if torch.isfinite(logits).all() else torch.nan_to_num(logits)
        self.peaks = self.peaks[-99:] + [logits.detach().amax().cpu()]
        return logits.log_softmax(dim=-1), self.critic(x)


class Twin(Keeper):
    """The critic has a memory of its own."""

    def __init__(self, env, width=128, groups=8, rows=512, **options):
        super().__init__(env, width, groups, rows, **options)
        self.critic_core = nn.GRU(width, width, 2, batch_first=True)
        self.critic_states = StateBank(groups, rows, 2 * width)

    def get_memory(self):
        return self.states.bank, self.critic_states.bank

    def set_memory(self, memory):
        self.states.bank.copy_(memory[0])
        self.critic_states.bank.copy_(memory[1])

    def reset_memory(self):
        self.states.clear()
        self.critic_states.clear()

    def remember(self, x, td, rows, steps):
        group = self.group(td)
        state = self.critic_states.fetch(group, rows).view(rows, 2, -1).transpose(0, 1).contiguous()
        seen, state = self.critic_core(x, state)
        self.critic_states.keep(group, state.transpose(0, 1).reshape(rows, -1))
        return torch.cat([super().remember(x, td, rows, steps), seen], dim=-1)

    def score(self, x):
        acting, judging = x.chunk(2, dim=-1)
        return self.actor(acting).log_softmax(dim=-1), self.critic(judging)
