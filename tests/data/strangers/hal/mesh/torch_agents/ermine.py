"""Ermine: no memory, a head for each part of an action."""

import torch
import torch.nn.functional as F
from torch import nn


class Ermine(nn.Module):
    def __init__(self, env, width=256, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        norms = env.feature_normalizations
        self.layers = max(norms) + 1
        self.sides = (env.obs_width, env.obs_height)
        self.scale = torch.tensor([norms.get(i, 1.0) or 1.0 for i in range(self.layers)]).view(1, -1, 1, 1)
        self.conv = nn.Conv2d(self.layers, 32, 3)
        self.fc = nn.LazyLinear(width)
        self.heads = nn.ModuleList([nn.Linear(width, int(n)) for n in env.single_action_space.nvec])
        self.value_head = nn.Linear(width, 1)
        self.register_buffer("start", self.conv.weight.detach().clone(), persistent=False)
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def has_memory(self):
        return False

    def reset_memory(self):
        pass

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in [self.conv, *self.heads]:
                layer.weight = nn.Parameter(layer.weight.clamp(-self.clip_range, self.clip_range))

    def l2_init_loss(self):
        return (self.conv.weight.detach() - self.start).pow(2).sum()

    def box(self, tokens):
        coords, kind, amount = (part.squeeze(-1) for part in tokens.split(1, dim=-1))
        width, height = self.sides
        x, y, kind = (coords >> 4).long(), (coords & 0xF).long(), kind.long()
        valid = (coords != 255) & (kind < self.layers) & (x < width) & (y < height)
        index = kind * width * height + x * height + y
        index = torch.where(valid, index, 0)
        amount = torch.where(valid, amount.float(), 0.0)
        box = torch.zeros(tokens.shape[0], self.layers * width * height)
        box.scatter_(1, index, amount)
        return box.view(-1, self.layers, width, height)

    def forward(self, td, state=None, action=None):
        shape = td.batch_size
        td = td.reshape(-1) if action is not None else td
        box = self.box(td["env_obs"]) / self.scale
        x = F.relu(self.fc(F.relu(self.conv(box)).flatten(1)))
        logits = torch.cat([head(x) for head in self.heads], dim=-1)
        log_probs = logits.log_softmax(-1)
        value = self.value_head(x)
        td["full_log_probs"] = log_probs
        if action is None:
            index = log_probs.exp().multinomial(1)
            td["actions"] = self.action_index_tensor[index.squeeze(1)].int()
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["values"] = value.squeeze(1)
            return td
        kind, argument = action.reshape(-1, 2).long().unbind(1)
        index = (kind + self.cum_action_max_params[kind] + argument).unsqueeze(1)
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(1)
        td["value"] = value
        return td.reshape(shape)
