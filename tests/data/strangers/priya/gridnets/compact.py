import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


class CompactAgent(nn.Module):
    """conf/agent/compact.yaml as one class."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.attr = nn.Embedding(256, 31)
        self.embed = nn.Linear(32, hidden_size)
        self.core = nn.GRU(hidden_size, hidden_size)
        for k, v in self.core.named_parameters():
            nn.init.orthogonal_(v) if v.dim() == 2 else nn.init.ones_(v)
        self.actor_1 = nn.Linear(hidden_size, 512)
        self.action_head = nn.Linear(512, sum(m + 1 for m in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)
        self.states = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states

    def set_memory(self, memory):
        self.states = memory

    def reset_memory(self):
        self.states = {}

    def __getstate__(self):
        return dict(self.__dict__, states={})

    def clip_weights(self):
        for w in self.parameters():
            torch.clamp(w, -self.clip_range, self.clip_range)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        B = td.batch_size[0]
        T = td.batch_size[1] if td.batch_dims == 2 else 1
        flat = td.reshape(B * T)
        obs = flat["env_obs"]
        mask = (obs[..., 0] != 255).unsqueeze(-1)
        x = torch.cat([self.attr(obs[..., 1].long()), obs[..., 2:].float() / 255], -1)
        x = (torch.relu(self.embed(x)) * mask).sum(1)
        group = td["training_env_id_start"].view(-1)[0].item() if "training_env_id_start" in td.keys() else -1
        h = self.states.get(group)
        if h is not None and T == 1:
            done, cut = td.get("dones", None), td.get("truncateds", None)
            if done is not None and cut is not None:
                h = h * (1 - (done.bool() | cut.bool()).view(1, B, 1).float())
        x, h = self.core(x.view(B, T, -1).transpose(0, 1), h)
        self.states[group] = h.detach()
        x = x.transpose(0, 1).reshape(B * T, -1)
        logp = F.log_softmax(self.action_head(self.actor_1(x)), -1)
        value = self.critic(x)
        if action is None:
            a = torch.multinomial(logp.exp(), 1)
            td["bptt"] = torch.ones(B, dtype=torch.long, device=obs.device)
            td["batch"] = torch.full((B,), B, dtype=torch.long, device=obs.device)
            td["actions"] = self.action_index_tensor[a.squeeze(1)].int()
            td["act_log_prob"] = logp.gather(1, a).squeeze(1)
            td["values"] = value.squeeze(1)
            td["full_log_probs"] = logp
            return td
        action = action.reshape(B * T, 2).long()
        a = (action[:, :1] + self.cum_action_max_params[action[:, :1]] + action[:, 1:])
        flat["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=obs.device)
        flat["batch"] = torch.full((B * T,), B, dtype=torch.long, device=obs.device)
        flat["act_log_prob"] = logp.gather(1, a).squeeze(1)
        flat["entropy"] = -(logp.exp() * logp).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = logp
        return td
