import torch
from einops import rearrange
from tensordict import TensorDict
from torch import nn
from torch.distributions.utils import logits_to_probs
from torchrl.data import Composite, UnboundedDiscrete

from kite.agent.mixins import BankMixin, ClipMixin, HookMixin, StampMixin


def layer(size_in, size_out, gain=1.0):
    linear = nn.Linear(size_in, size_out)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


class TokenBox(nn.Module):
    """Tokens to a box of normalised features."""

    def __init__(self, env):
        super().__init__()
        self.shape = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        scale = torch.ones(self.shape[0], 1, 1)
        for feature, norm in env.feature_normalizations.items():
            scale[feature] = norm if norm > 0 else 1.0
        self.register_buffer("scale", scale)

    def forward(self, tokens):
        features, width, height = self.shape
        coords = tokens[..., 0]
        x, y = (coords >> 4).long(), (coords & 0x0F).long()
        feature = tokens[..., 1].long()
        fits = coords.ne(0xFF) & x.lt(width) & y.lt(height) & feature.lt(features)
        # A box with room to spare: rejected tokens stay in a layer of their own.
        feature = torch.where(fits, feature, features)
        box = tokens.new_zeros(len(tokens), features + 1, 16, 16, dtype=torch.float32)
        rows = torch.arange(len(tokens), device=tokens.device)[:, None]
        box[rows, feature, x, y] = tokens[..., 2].float()
        return box[:, :features, :width, :height] / self.scale


class Heron(HookMixin, StampMixin, BankMixin, ClipMixin, nn.Module):
    def __init__(self, env, hidden_size=128, num_layers=2, max_envs=8192, **options):
        super().__init__(**options)
        self.max_envs = max_envs
        self.box = TokenBox(env)
        self.cnn = nn.Sequential(
            nn.Conv2d(self.box.shape[0], 64, 5, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU()
        )
        with torch.no_grad():
            size = self.cnn(torch.zeros(1, *self.box.shape)).numel()
        self.encoder = layer(size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.actor = layer(hidden_size, 512)
        self.critic = nn.Sequential(layer(hidden_size, 1024, 2**0.5), nn.Tanh(), layer(1024, 1))
        self.actor_w = nn.Parameter(torch.empty(512, 16).uniform_(-(512**-0.5), 512**-0.5))
        self.embeds = nn.Embedding(100, 16)
        self.start_weights()
        self.num_actions = 100

    @torch.no_grad()
    def start_weights(self):
        for weights in self.lstm.all_weights:
            for weight in weights:
                nn.init.orthogonal_(weight) if weight.dim() > 1 else weight.fill_(1.0)
        nn.init.orthogonal_(self.embeds.weight)
        self.embeds.weight.mul_(0.1 / self.embeds.weight.abs().max())
        self.initial = {}
        for name, weight in self.named_parameters():
            self.initial[name] = weight.clone()

    def l2_init_loss(self):
        pulls = [(now - self.initial[name].to(now)).square().sum() for name, now in self.named_parameters()]
        return torch.stack(pulls).sum()

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8))

    def activate_action_embeddings(self, names, device):
        self.num_actions = len(names)

    def forward(self, td: TensorDict, state=None, action=None):
        td, batch, bptt = self.flatten_td(td)
        self.fire("before_core", td)
        encoded = torch.relu(self.encoder(self.cnn(self.box(td["env_obs"])).flatten(1)))
        sequence = rearrange(encoded, "(b t) h -> t b h", t=bptt)
        if action is None:
            out, new_state = self.lstm(sequence, self.read_bank(td, sequence))
            self.write_bank(td, new_state)
        else:
            out, _ = self.lstm(sequence)
        hidden = rearrange(out, "t b h -> (b t) h")
        query = torch.tanh(torch.relu(self.actor(hidden)) @ self.actor_w)
        logits = torch.nn.functional.linear(query, self.embeds.weight[: self.num_actions])
        self.write_outputs(td, logits, self.critic(hidden), action)
        self.fire("after_heads", td)
        return self.restore_td(td, batch, bptt, training=action is not None)

    def write_outputs(self, td, logits, value, action):
        log_probs = logits.log_softmax(-1)
        if action is None:
            index = logits_to_probs(logits).multinomial(1).squeeze(1)
            td["actions"] = self.action_index_tensor.index_select(0, index).int()
            td["values"] = value.squeeze(1)
        else:
            action = action.reshape(-1, 2).long()
            index = action.sum(-1) + self.cum_action_max_params[action[:, 0]]
            td["value"] = value
            td["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
        td["act_log_prob"] = log_probs[torch.arange(len(index), device=index.device), index]
        td["full_log_probs"] = log_probs
