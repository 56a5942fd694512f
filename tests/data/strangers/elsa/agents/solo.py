"""A policy that needs nobody: a GRU over max-pooled tokens."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Lone(nn.Module):
    def __init__(self, env, hidden_size=64, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        n_actions = sum(m + 1 for m in env.max_action_args)
        self.embed = nn.Embedding(256, 30)
        self.lift = nn.Linear(32, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)
        for name, p in self.gru.named_parameters():
            nn.init.constant_(p, 1.0) if "bias" in name else nn.init.orthogonal_(p, gain=1.0)
        self.pi = nn.Linear(hidden_size, n_actions)
        self.v = nn.Linear(hidden_size, 1)
        self.register_buffer("kept", torch.zeros(1, 4096, hidden_size), persistent=False)

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = {**state["_buffers"], "kept": torch.zeros_like(self.kept)}
        return state

    def has_memory(self):
        return True

    def get_memory(self):
        return self.kept.clone()

    def set_memory(self, memory):
        self.kept.copy_(memory)

    def reset_memory(self):
        self.kept.zero_()

    def read(self, obs):
        pad = obs[..., 0] == 255
        obs = obs.float()
        obs[..., 2] = obs[..., 2] / obs[..., 2].max()
        seen = torch.cat([self.embed(obs[..., 1].long()), obs[..., 0:1] / 255, obs[..., 2:]], -1)
        return F.relu(self.lift(seen)).masked_fill(pad.unsqueeze(-1), 0.0).amax(1)

    def forward(self, td, state=None, action=None):
        B = td.batch_size[0]
        T = td.batch_size[1] if td.batch_dims > 1 else 1
        if td.batch_dims > 1:
            td = td.reshape(B * T)
        obs = td["env_obs"]
        td["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=obs.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=obs.device)
        x = self.read(obs).view(B, T, -1).transpose(0, 1)
        if action is None:
            seat = torch.arange(B, device=obs.device) + td["training_env_id_start"].view(-1)[0]
            over = (td["dones"].bool() | td["truncateds"].bool()).view(1, B, 1)
            y, new = self.gru(x, self.kept[:, seat].masked_fill(over, 0.0))
            self.kept[:, seat] = new.detach()
        else:
            y, _ = self.gru(x)
        y = y.transpose(0, 1).reshape(B * T, -1)
        logp = F.log_softmax(self.pi(y), -1)
        value = self.v(y).flatten()
        td["full_log_probs"] = logp
        if action is None:
            pick = torch.multinomial(logp.exp(), 1)
            td["actions"] = self.action_index_tensor[pick.flatten()].int()
            td["act_log_prob"] = logp.gather(1, pick).flatten()
            td["values"] = value
            return td
        kinds, args = action.reshape(-1, 2).long().T
        pick = (kinds + self.cum_action_max_params[kinds] + args).unsqueeze(1)
        td["act_log_prob"] = logp.gather(1, pick).flatten()
        td["value"] = value
        return td.reshape(B, T)
