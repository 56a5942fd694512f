import torch
import torch.nn as nn
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


class Base(nn.Module):
    def __init__(self, env, hidden=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden = hidden
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        tokens, parts = env.single_observation_space.shape
        self.see = nn.Sequential(nn.Flatten(), nn.Linear(tokens * parts + self.extra(), hidden), nn.ELU())
        self.gru = nn.GRU(hidden, hidden)
        with torch.no_grad():
            for p in self.gru.parameters():
                if p.ndim == 1:
                    p.fill_(1.0)
                else:
                    nn.init.orthogonal_(p)
        self.pi = nn.Linear(hidden, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(hidden, 1)
        self.envs = 8192
        self.register_buffer("h", None, persistent=False)

    def extra(self):
        return 0

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.h is None else self.h.clone()

    def set_memory(self, memory):
        self.h = memory

    def reset_memory(self):
        self.h = None

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = dict(state["_buffers"], h=None)
        return state

    def inputs(self, td):
        return td["env_obs"].float().flatten(1) / 255.0

    def forward(self, td: TensorDict, state=None, action=None):
        if action is None:
            B, T = td.batch_size[0], 1
        else:
            B, T = td.batch_size
            td = td.reshape(B * T)
        dev = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=dev)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=dev)
        x = self.see(self.inputs(td))
        if action is None:
            y = self.step(td, x)
        else:
            y, _ = self.gru(x.view(B, T, -1).transpose(0, 1))
            y = y.transpose(0, 1).reshape(B * T, -1)
        logp = torch.log_softmax(self.pi(y).float(), -1)
        value = self.v(y).float()
        td["full_log_probs"] = logp
        if action is None:
            index = torch.multinomial(logp.exp(), 1)[:, 0]
            td["actions"] = self.action_index_tensor[index].to(torch.int32)
            td["values"] = value[:, 0]
        else:
            action = action.reshape(B * T, 2).long()
            index = action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]
            td["entropy"] = -(logp.exp() * logp).sum(-1)
            td["value"] = value
        td["act_log_prob"] = logp[torch.arange(B * T, device=dev), index]
        return td if action is None else td.reshape(B, T)

    def step(self, td, x):
        if self.h is None:
            self.h = torch.zeros(1, self.envs, self.hidden, device=x.device)
        rows = torch.arange(x.shape[0], device=x.device) + td["training_env_id_start"]
        over = torch.maximum(td["dones"], td["truncateds"]) > 0
        h = self.h[:, rows] * (~over).float()[None, :, None]
        y, h = self.gru(x[None], h)
        self.h[:, rows] = h.detach().float()
        return y[0]

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            torch._foreach_clamp_min_([self.pi.weight, self.v.weight], -self.clip_range)
            torch._foreach_clamp_max_([self.pi.weight, self.v.weight], self.clip_range)


class Compact(Base):
    """reads the observation, nothing else"""

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8))


class History(Base):
    """sees its last action, and says so"""

    def extra(self):
        return 2

    def inputs(self, td):
        return torch.cat([super().inputs(td), td["last_actions"].float()], dim=-1)

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
            last_actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        )


class HistoryToo(Base):
    """sees its last action and reward"""

    def extra(self):
        return 3

    def inputs(self, td):
        last = td["last_actions"].float()
        reward = td.get("last_reward").unsqueeze(-1)
        return torch.cat([super().inputs(td), last, reward], dim=-1)

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
            last_actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        )


class Goal(Base):
    """is told where to go"""

    def extra(self):
        return 4

    def forward(self, td: TensorDict, state=None, action=None):
        self.goal = td["goal"].reshape(-1, 4)
        return super().forward(td, state, action)

    def inputs(self, td):
        return torch.cat([super().inputs(td), self.goal], dim=-1)

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
            target=UnboundedContinuous(shape=(4,)),
        )
