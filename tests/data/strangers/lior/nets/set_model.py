import torch
from torch import nn

from nets.base import Model
from nets.layers import dense, rnn
from nets.scopes import name_scope


class SetModel(Model):
    """Observations are sets: embed every token, pool, think."""

    DEFAULTS = {"units": 128, "embedding": 16}

    def build(self, env):
        units, width = self.params["units"], self.params["embedding"]
        self.feature_table = nn.Embedding(256, width)
        self.place_table = nn.Embedding(256, width)
        self.token_net = dense(width + 1, units, nn.ReLU)
        self.think = rnn("gru", units, units, 2)
        self.action_table = nn.Embedding(len(self.lookup), width)
        with torch.no_grad():
            nn.init.orthogonal_(self.action_table.weight)
            self.action_table.weight *= 0.1 / self.action_table.weight.abs().max()
        self.policy_head = nn.Sequential(dense(units + width, 256, nn.ReLU), dense(256, len(self.lookup), None, 0.01))
        self.value_head = nn.Sequential(dense(units, 256, nn.ReLU), dense(256, 1))

    def pool(self, tokens):
        place, feature = tokens[..., 0].long(), tokens[..., 1].long()
        amount = tokens[..., 2:].float() / 255
        x = torch.cat([self.feature_table(feature) + self.place_table(place), amount], dim=-1)
        return (self.token_net(x) * (place != 255).unsqueeze(-1)).sum(dim=1)

    def call(self, flat, batch, time, training):
        with name_scope("pool"):
            x = self.pool(flat["env_obs"]).view(batch, time, -1)
            rows = torch.arange(batch * time)
        with name_scope("think"):
            x, _ = self.think(x.transpose(0, 1))
            x = x.transpose(0, 1).flatten(0, 1)[rows]
        with name_scope("act"):
            context = self.action_table.weight.mean(0, keepdim=True).expand(len(x), -1)
            return self.policy_head(torch.cat([x, context], dim=-1)), self.value_head(x)

    def evaluate(self, log_probs, value, action):
        kind, argument = action.long().unbind(-1)
        index = kind + self.maxima[kind] + argument
        return {
            "act_log_prob": log_probs.gather(1, index[:, None])[:, 0],
            "value": value,
            "full_log_probs": log_probs,
        }
