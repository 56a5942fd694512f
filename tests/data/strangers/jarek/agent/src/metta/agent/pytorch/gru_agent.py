import torch
from tensordict import TensorDict
from torch import nn

from .utils import action_tables, episode_ends, orthogonal_lstm


class GruAgent(nn.Module):
    """GRU baseline of chapter 4. Its state travels in the TensorDict, a row per environment."""

    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.hidden_size = hidden_size
        self.features = max(env.feature_normalizations) + 1
        self.embed = nn.Embedding(256, 32)
        self.encoder = nn.Sequential(nn.Linear(34, 128), nn.ReLU(), nn.Linear(128, hidden_size), nn.ReLU())
        self.gru = orthogonal_lstm(nn.GRU(hidden_size, hidden_size, num_layers=2))
        self.clip_range = 0.0
        pairs, cumulated = action_tables(env)
        self.register_buffer("pairs", pairs)
        self.register_buffer("cumulated", cumulated)
        self.pi = nn.Linear(hidden_size, pairs.shape[0])
        self.v = nn.Sequential(nn.Linear(hidden_size, 64), nn.Tanh(), nn.Linear(64, 1))

    def set_clip_range(self, clip_range):
        self.clip_range = clip_range

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for p in (self.pi.weight, self.encoder[0].weight, self.encoder[2].weight):
                    p.clamp_(min=-self.clip_range, max=self.clip_range)

    def action_to_index(self, action):
        kind = action[:, 0].long()
        arg = action[:, 1].long()
        return self.cumulated[kind] + arg

    def index_to_action(self, index):
        return self.pairs[index].to(torch.int32)

    def look(self, tokens):
        coords = tokens[..., 0]
        keep = (coords != 255).unsqueeze(-1)
        place = (coords.unsqueeze(-1) & 15).float() / 15
        x = torch.cat([self.embed(tokens[..., 1].long()), place, tokens[..., 2:].float() / 255], dim=-1)
        return (self.encoder(x) * keep).sum(dim=1)

    def forward(self, td: TensorDict, state=None, action=None):
        B = td.batch_size[0]
        T = 1
        if len(td.batch_size) == 2:
            T = td.batch_size[1]
            td = td.reshape(B * T)
        td.update(
            {
                "bptt": torch.full((B * T,), T, dtype=torch.long, device=td.device),
                "batch": torch.full((B * T,), B, dtype=torch.long, device=td.device),
            }
        )

        x = self.look(td["env_obs"]).view(B, T, -1).transpose(0, 1)
        ended = episode_ends(td, B, T)

        h = torch.zeros(2, B, self.hidden_size)
        if action is None and "gru_h" in td.keys():
            h = td["gru_h"].transpose(0, 1).contiguous()

        steps = []
        for t in range(T):
            h = h * (~ended[t]).view(1, B, 1)
            out, h = self.gru(x[t].unsqueeze(0), h)
            steps.append(out.squeeze(0))
        out = torch.stack(steps, dim=1).flatten(0, 1)

        log_probs = self.pi(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["value"] = self.v(out)

        if action is None:
            td["gru_h"] = h.detach().transpose(0, 1)
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.index_to_action(index.view(-1))
            td["act_log_prob"] = log_probs.gather(1, index).view(-1)
            return td

        index = self.action_to_index(action.reshape(B * T, 2))
        td["act_log_prob"] = log_probs.gather(1, index.view(-1, 1)).view(-1)
        td["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
        return td.reshape(B, T)
