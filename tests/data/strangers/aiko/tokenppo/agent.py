"""The agent: tokens -> box -> encoder -> LSTM -> (actor, critic)."""

import torch
import torch.nn as nn
from tensordict import TensorDict

from .common import JointActions, episode_ends, layer_init, stamp, tokens_to_box
from .memory import RemembersMixin, SlotBank


class BoxEncoder(nn.Module):
    def __init__(self, env, out_features):
        super().__init__()
        self.layers = max(env.feature_normalizations) + 1
        self.width, self.height = env.obs_width, env.obs_height
        scale = torch.ones(self.layers)
        for feature, largest in env.feature_normalizations.items():
            if largest > 0:
                scale[feature] = largest
        self.register_buffer("scale", scale.view(1, -1, 1, 1))
        self.fc = layer_init(nn.Linear(self.layers * self.width * self.height, out_features))

    def forward(self, tokens):
        box = tokens_to_box(tokens, self.layers, self.width, self.height) / self.scale
        return torch.relu(self.fc(box.flatten(1)))


class Agent(RemembersMixin, JointActions, nn.Module):
    """`num_envs` must cover all environments and all segments of a minibatch."""

    def __init__(
        self, env, hidden_size=128, num_layers=2, num_envs=4096, clip_range=0.0, analyze_weights_interval=300
    ):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encoder = self.make_encoder(env, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        for name, p in self.lstm.named_parameters():
            nn.init.ones_(p) if "bias" in name else nn.init.orthogonal_(p)
        self.actor = self.make_actor(env, hidden_size)
        self.critic = layer_init(nn.Linear(hidden_size, 1), std=1.0)
        self.bank = SlotBank(num_layers, num_envs, hidden_size)

    def make_encoder(self, env, hidden_size):
        return BoxEncoder(env, hidden_size)

    def make_actor(self, env, hidden_size):
        # one logit for each legal (type, argument)
        return layer_init(nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args)), std=0.01)

    def remember(self, x, td, rows, steps):
        """x: [rows * steps, H] -> the same size, through the LSTM."""
        first = td["training_env_id_start"] if "training_env_id_start" in td.keys() else None
        columns = torch.arange(rows, device=x.device)
        if first is not None:
            columns = columns + first.view(rows, steps)[:, 0].long()
        h, c = self.bank.read(columns)
        alive = (~episode_ends(td, rows, steps)).to(x.dtype)
        outs = []
        for t, step in enumerate(x.view(rows, steps, -1).unbind(1)):
            keep = alive[:, t].view(1, rows, 1)
            out, (h, c) = self.lstm(step.unsqueeze(0), (h * keep, c * keep))
            outs.append(out.squeeze(0))
        self.bank.write(columns, h, c)
        return torch.stack(outs, 1).flatten(0, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows, steps = td.batch_size[0], td.batch_size[1] if td.batch_dims > 1 else 1
        if td.batch_dims > 1:
            td = td.reshape(rows * steps)
        stamp(td, steps)

        hidden = self.remember(self.encoder(td["env_obs"]), td, rows, steps)
        log_probs = torch.log_softmax(self.actor(hidden), dim=-1)
        value = self.critic(hidden)

        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.to_action(index[:, 0]).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
            return td

        index = self.to_index(action.reshape(rows * steps, 2)).unsqueeze(1)
        td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, (nn.Linear, nn.Conv2d)):
                    module.weight.clamp_(-self.clip_range, self.clip_range)
