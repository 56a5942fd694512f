import torch
from torch import nn

from ..nets import Clipped, Heads, TokenSum, ortho_core
from ..registry import Policies
from ..td import fold, joint, write_rollout, write_training


@Policies.add("coral")
class Coral(Clipped, nn.Module):
    """A GRU over summed tokens."""

    def __init__(self, env, hidden_size=128, *, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encoder = TokenSum(env, hidden_size)
        self.core = ortho_core(nn.GRU(hidden_size, hidden_size, num_layers=2))
        self.heads = Heads(hidden_size)
        self.envs = env.num_envs
        self.tape = None
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def activate_action_embeddings(self, full_action_names, device):
        self.heads.count = len(full_action_names)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.tape.clone() if self.tape is not None else None

    def set_memory(self, memory):
        self.tape = memory.clone() if memory is not None else None

    def reset_memory(self):
        self.tape = None

    def __getstate__(self):
        state = dict(self.__dict__)
        state["tape"] = None
        return state

    def step(self, td, x):
        if self.tape is None:
            self.tape = x.new_zeros(2, self.envs, x.shape[-1])
        at = td["training_env_id_start"].long().view(-1)
        at = at + torch.arange(at.shape[0], device=at.device)
        keep = ~(td["dones"].bool() | td["truncateds"].bool())
        x, h = self.core(x, self.tape[:, at] * keep.view(1, -1, 1))
        self.tape = self.tape.index_copy(1, at, h.detach())
        return x

    def forward(self, td, state=None, action=None):
        td, rows, steps = fold(td, action is not None)
        x = self.encoder(td["env_obs"]).unflatten(0, (rows, steps)).transpose(0, 1)
        if action is None:
            x = self.step(td, x)
        else:
            x, _ = self.core(x)
        logits, value = self.heads(x.transpose(0, 1).flatten(0, 1))
        if action is None:
            return write_rollout(td, logits, value, self.action_index_tensor)
        td = write_training(td, logits, value, joint(action, self.cum_action_max_params))
        return td.unflatten(0, (rows, steps))
