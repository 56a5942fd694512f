import torch
from torch import nn

from agents.core import TimeCore


class Solid(TimeCore):
    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__(env, hidden_size, **kwargs)
        self.kinds = nn.Embedding(256, hidden_size)
        self.values = nn.Sequential(nn.Linear(1, hidden_size), nn.ReLU())
        self.mix = nn.Sequential(nn.Linear(hidden_size, hidden_size), nn.ReLU())
        self.query = nn.Sequential(nn.Linear(hidden_size, 512), nn.ReLU(), nn.Linear(512, 16), nn.Tanh())
        self.action_embeddings = nn.Embedding(100, 16)
        with torch.no_grad():
            weight = nn.init.orthogonal_(self.action_embeddings.weight)
            weight.div_(weight.abs().max()).mul_(0.1)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 1024), nn.Tanh(), nn.Linear(1024, 1))

    def see(self, tokens):
        real = tokens[..., 0].ne(0xFF).unsqueeze(-1)
        x = self.kinds(tokens[..., 1].long()) + self.values(tokens[..., 2:3].float() / 255.0)
        return self.mix((x * real).sum(dim=1) / real.sum(dim=1).clamp(min=1))

    def say(self, hidden):
        rows = self.action_embeddings.weight[: self.action_index_tensor.shape[0]]
        return self.query(hidden) @ rows.T, self.critic(hidden)


class Sturdy(Solid):
    """Solid with its regulariser."""

    def __init__(self, env, hidden_size=128, l2_scale=1.0, **kwargs):
        super().__init__(env, hidden_size, **kwargs)
        self.l2_scale = l2_scale
        self.initial_query = [p.detach().clone() for p in self.query.parameters()]

    def l2_init_loss(self):
        terms = [(p - q.to(p)).pow(2).sum() for p, q in zip(self.query.parameters(), self.initial_query)]
        return self.l2_scale * torch.stack(terms).sum()


class Spare(Solid):
    """Less of everything."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hidden_size, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.table = nn.Parameter(torch.randn(100, 16))
        self.temperature = torch.full((1,), 0.7)
        self.initial = self.table.detach().clone()

    def get_memory(self):
        return self.memory.pairs

    def say(self, hidden):
        rows = self.table[: self.action_index_tensor.shape[0]]
        scores = self.query[:-1](hidden) @ rows.t() / self.temperature
        return scores.tanh(), self.critic(hidden)

    def l2_init_loss(self):
        return torch.nn.functional.mse_loss(self.table.data, self.initial, reduction="sum")

    def forward(self, td, state=None, action=None):
        rows, steps = (td.batch_size[0], td.batch_size[1]) if td.batch_dims == 2 else (td.batch_size[0], 1)
        flat = td.reshape(rows * steps)
        stamped = flat.clone()
        stamped["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=td["env_obs"].device)
        stamped["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=td["env_obs"].device)
        hidden = self.see(flat["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        hidden = self.through_time(flat, hidden, rows).transpose(0, 1).reshape(rows * steps, -1)
        logits, value = self.say(hidden)
        log_probs = torch.log_softmax(logits, -1)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.squeeze(-1)
            td["full_log_probs"] = log_probs
            return td
        td["act_log_prob"] = log_probs.mean(-1).view(rows, steps)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(-1).view(rows, steps)
        td["value"] = value.view(rows, steps, 1)
        td["full_log_probs"] = log_probs.view(rows, steps, -1)
        return td
