import torch
from tensordict import TensorDict
from torch import nn


class Flat(nn.Module):
    def __init__(self, env, hidden_size=128, **config):
        super().__init__()
        self.hidden_size = config.pop("width", hidden_size)
        self.clip_range = config.pop("clip_range", 0.0)
        self.interval = config.pop("analyze_weights_interval", 300)
        size = env.single_observation_space.shape[0] * 3
        self.body = nn.Sequential(nn.Linear(size, 256), nn.Dropout(0.1), nn.Linear(256, self.hidden_size), nn.ReLU())
        self.rnn = nn.GRU(self.hidden_size, self.hidden_size)
        self.pi = nn.Linear(self.hidden_size, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(self.hidden_size, 1)

    def has_memory(self):
        return True

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        pass

    def reset_memory(self):
        pass

    def forward(self, td: TensorDict, state=None, action=None):
        sizes = td.batch_size
        td = td.reshape(sizes.numel())
        obs = td["env_obs"].float()
        td["bptt"] = torch.full((len(obs),), sizes[1] if len(sizes) == 2 else 1, device=obs.device)
        td["batch"] = torch.full((len(obs),), sizes[0], device=obs.device)
        obs = (obs - obs.mean()) / (obs.std() + 1e-6)
        hidden = self.body(obs.flatten(1))
        hidden, _ = self.rnn(hidden.unsqueeze(0))
        hidden = hidden.squeeze(0)
        log_probs = self.pi(hidden).log_softmax(-1)
        if action is None:
            best = log_probs.max(-1).values
            td["actions"] = torch.zeros(len(obs), 2, dtype=torch.int32)
            td["act_log_prob"] = best
            td["values"] = self.v(hidden).squeeze(-1)
            td["full_log_probs"] = log_probs
            return td
        action = action.reshape(-1, 2).long()
        index = self.cum_action_max_params[action[:, 0]] + action[:, 1]
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(1)
        td["value"] = self.v(hidden)
        td["full_log_probs"] = log_probs
        return td.reshape(*sizes)
