"""Everything between the trainer and a recurrent core."""
import torch
from torch import nn
from torch.nn import functional as F

from jelle.bank import StateBank


def orthogonal_core_(core):
    with torch.no_grad():
        for name, parameter in core.named_parameters():
            if "bias" in name:
                parameter.fill_(1.0)
            else:
                nn.init.orthogonal_(parameter, gain=1.0)
    return core


class TokenNet(nn.Module):
    """Sum over tokens of what each of them says."""

    def __init__(self, width):
        super().__init__()
        self.attribute = nn.Embedding(256, width)
        self.body = nn.Sequential(nn.Linear(width + 3, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())

    def forward(self, observations):
        coords = observations[..., 0].long()
        place = torch.stack([coords >> 4, coords & 15], dim=-1).float() / 15.0
        value = observations[..., 2:].float() / 255.0
        said = self.body(torch.cat([self.attribute(observations[..., 1].long()), place, value], dim=-1))
        return (said * (coords != 255).unsqueeze(-1)).sum(dim=-2)


class JointActions:
    """(type, argument) to joint index and back, by the tables that the trainer sets."""

    cum_action_max_params = None
    action_index_tensor = None

    def _convert_action_to_logit_index(self, action):
        types, arguments = action[..., 0].long(), action[..., 1].long()
        return (types + self.cum_action_max_params[types] + arguments).reshape(-1)

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]


class Clipping:
    clip_range = 0.0

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    module.weight.clamp_(-self.clip_range, self.clip_range)


def time_and_rows(td, action):
    return (1, td.batch_size[0]) if action is None else (td.batch_size[1], td.batch_size[0])


class Banked(Clipping, JointActions, nn.Module):
    """Subclasses say how a core unrolls; the rest is here."""

    def __init__(
        self,
        env,
        parts,
        layers,
        hidden_size=128,
        max_envs=1024,
        clip_range=0.0,
        analyze_weights_interval=300,
    ):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = TokenNet(hidden_size)
        self.bank = StateBank(parts, layers, max_envs, hidden_size)
        self.actor = nn.Linear(hidden_size, sum(env.max_action_args) + len(env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)

    def unroll(self, x, parts):
        """[T, B, H] and the parts of a state (None: start from zero) to [T, B, H] and new parts."""
        raise NotImplementedError

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank.kept.clone()

    def set_memory(self, memory):
        self.bank.kept.copy_(memory)

    def reset_memory(self):
        self.bank.wipe()

    def said(self, features, action):
        log_probs = F.log_softmax(self.actor(features), dim=-1)
        probs = log_probs.exp()
        value = self.critic(features).flatten()
        if action is None:
            index = torch.multinomial(probs, 1).flatten()
            own = {"actions": self._convert_logit_index_to_action(index).to(torch.int32), "values": value}
        else:
            index = self._convert_action_to_logit_index(action)
            own = {"entropy": -(probs * log_probs).sum(-1), "value": value}
        return {**own, "act_log_prob": log_probs.gather(1, index[:, None])[:, 0], "full_log_probs": log_probs}

    def forward(self, td, state=None, action=None):
        steps, rows = time_and_rows(td, action)
        flat = td if action is None else td.reshape(-1)
        observations = flat["env_obs"]
        ones = torch.ones(steps * rows, dtype=torch.long, device=observations.device)
        flat.update({"bptt": ones * steps, "batch": ones * rows})
        x = self.net(observations).reshape(rows, steps, -1).permute(1, 0, 2)
        if action is None:
            out, parts = self.unroll(x, self.bank.read(td))
            self.bank.write(td, parts)
        else:
            out, _ = self.unroll(x, None)
        flat.update(self.said(out.permute(1, 0, 2).reshape(steps * rows, -1), action))
        return flat if action is None else flat.reshape(td.batch_size)
