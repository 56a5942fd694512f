import torch
import torch.nn as nn
from torchrl.data import Composite, UnboundedDiscrete

from .torso import Torso


class Ink(nn.Module):
    """The smallest of the three, for quick checks of a pipeline."""

    def __init__(self, env, hidden_size=64, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = env.single_observation_space.shape
        self.torso = Torso(env, hidden_size)
        self.rnn = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.policy_head = nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args))
        self.value_head = nn.Linear(hidden_size, 1)
        self.reset_core()

    def reset_core(self):
        for name, tensor in self.rnn.named_parameters():
            nn.init.orthogonal_(tensor) if tensor.ndim > 1 else nn.init.ones_(tensor)

    def has_memory(self):
        return False

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        pass

    def reset_memory(self):
        pass

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for tensor in self.parameters():
                    tensor.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, action):
        kind, argument = action[..., 0].long(), action[..., 1].long()
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def forward(self, td, state=None, action=None):
        shape = td.batch_size
        count, steps = shape[0], (1 if action is None else shape[1])
        flat = td if action is None else td.reshape(count * steps)
        flat["bptt"] = torch.full((count * steps,), steps, dtype=torch.int64, device=flat["env_obs"].device)

        hidden, _ = self.rnn(self.torso(flat["env_obs"]).view(count, steps, -1))
        hidden = hidden.reshape(count * steps, -1)
        log_probs = torch.log_softmax(self.policy_head(hidden), dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)[:, 0]
        rows = torch.arange(count * steps)
        flat["act_log_prob"] = log_probs[rows, index]
        flat["full_log_probs"] = log_probs
        if action is None:
            flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            flat["values"] = self.value_head(hidden)[:, 0]
            return flat
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        flat["value"] = self.value_head(hidden)
        return flat.reshape(count, steps)
