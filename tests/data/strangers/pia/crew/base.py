import torch
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

RELU_GAIN = nn.init.calculate_gain("relu")


def mlp(*sizes, activation=nn.ReLU, out_gain=None):
    """Linear layers with an activation behind each; with `out_gain` the last one has that gain and no activation."""
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        last = out_gain is not None and i == len(sizes) - 2
        linear = nn.Linear(a, b)
        nn.init.orthogonal_(linear.weight, out_gain if last else RELU_GAIN)
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, activation()]
    return nn.Sequential(*layers)


def stamp(td, steps, rows):
    size = (steps * rows,)
    device = td["env_obs"].device
    td["bptt"] = torch.full(size, steps, dtype=torch.int64, device=device)
    td["batch"] = torch.full(size, rows, dtype=torch.int64, device=device)


class TokenNet(nn.Module):
    """Embeds bytes, pools what is no padding."""

    def __init__(self, width=128):
        super().__init__()
        self.width = width
        self.place = nn.Embedding(256, 32)
        self.kind = nn.Embedding(256, 32)
        self.each = mlp(65, 64)
        self.all = mlp(64, width)

    def forward(self, obs):
        place, kind, amount = obs.unbind(-1)
        real = place.ne(255).unsqueeze(-1)
        tokens = torch.cat([self.place(place.long()), self.kind(kind.long()), amount.unsqueeze(-1) / 255], dim=-1)
        return self.all((self.each(tokens) * real).amax(dim=1))


class Agent(nn.Module):
    """What agents have in common; each of them has a forward of its own."""

    def __init__(self, env, *, hidden=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden = hidden
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = tuple(env.single_observation_space.shape)
        self.net = TokenNet()
        self.critic = mlp(hidden, 128, 1, activation=nn.Tanh, out_gain=1.0)

    def clip_weights(self):
        if self.clip_range > 0:
            weights = [p.detach() for p in self.parameters()]
            torch._foreach_clamp_max_(weights, self.clip_range)
            torch._foreach_clamp_min_(weights, -self.clip_range)

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8),
            dones=UnboundedContinuous(shape=()),
            truncateds=UnboundedContinuous(shape=()),
        )

    def _convert_action_to_logit_index(self, action):
        kind = action[..., 0].long()
        return kind + self.cum_action_max_params[kind] + action[..., 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].to(torch.int32)

    def finish(self, td, hidden, action):
        """Writes the outputs of the mode for [rows, hidden]; `action` is flat."""
        log_probs = self.actor(hidden).log_softmax(-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1).squeeze(1)
            td["actions"] = self._convert_logit_index_to_action(index)
            td["values"] = self.critic(hidden).flatten()
        else:
            index = self._convert_action_to_logit_index(action)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
            td["value"] = self.critic(hidden)
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        return td


def joint_count(env):
    return sum(int(most) + 1 for most in env.max_action_args)
