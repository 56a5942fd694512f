import torch
import torch.nn.functional as F
from torch import nn

from ..nets import Heads, ortho, ortho_core
from ..registry import Policies
from ..td import fold, joint, write_rollout, write_training


@Policies.add("periwinkle")
class Periwinkle(nn.Module):
    """Tokens as words: embedded, and averaged up to the first padding."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.kinds = nn.Embedding(256, 32, padding_idx=255)
        nn.init.normal_(self.kinds.weight, std=0.02)
        self.places = nn.Embedding(256, 32)
        self.fc = ortho(nn.Linear(33, hidden_size))
        self.core = ortho_core(nn.LSTM(hidden_size, hidden_size, num_layers=2))
        self.heads = Heads(hidden_size)
        self.envs = env.num_envs
        self.state = None
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def activate_action_embeddings(self, full_action_names, device):
        self.heads.count = len(full_action_names)

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.state is None else self.state.clone()

    def set_memory(self, memory):
        self.state = None if memory is None else memory.clone()

    def reset_memory(self):
        self.state = None

    def __getstate__(self):
        return {**self.__dict__, "state": None}

    @torch.no_grad()
    def clip_weights(self):
        for layer in (self.fc, self.heads.query):
            layer.weight.clamp_(-0.5, 0.5)

    def encode(self, tokens):
        coords = tokens[..., 0]
        lengths = (coords == 255).int().argmax(dim=1)
        real = (torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)).unsqueeze(-1)
        places, kinds, amounts = tokens.long().unbind(-1)
        words = self.kinds(kinds) + self.places(places)
        words = torch.cat([words, amounts.unsqueeze(-1) / 255.0], dim=-1)
        words = F.relu(self.fc(words)) * real
        return words.sum(dim=1) / real.sum(dim=1).clamp(min=1)

    def step(self, td, x):
        if self.state is None:
            self.state = x.new_zeros(2, 2, self.envs, x.shape[-1])
        at = td["training_env_id_start"].long() + torch.arange(x.shape[1], device=x.device)
        over = td["dones"].bool() & td["truncateds"].bool()
        h, c = self.state[:, :, at].masked_fill(over.view(1, 1, -1, 1), 0.0)
        x, (h, c) = self.core(x, (h.contiguous(), c.contiguous()))
        self.state[:, :, at] = torch.stack([h, c]).detach()
        return x

    def forward(self, td, state=None, action=None):
        td, rows, steps = fold(td, action is not None)
        x = self.encode(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        x = self.step(td, x) if action is None else self.core(x)[0]
        logits, value = self.heads(x.transpose(0, 1).reshape(rows * steps, -1))
        if action is None:
            return write_rollout(td, logits, value, self.action_index_tensor)
        index = joint(action, self.cum_action_max_params)
        return write_training(td, logits, value, index).reshape(rows, steps)
