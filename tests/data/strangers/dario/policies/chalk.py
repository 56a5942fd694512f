import torch
import torch.nn as nn
import torch.nn.functional as F
from torchrl.data import Composite, UnboundedDiscrete

from .torso import Torso


class Chalk(nn.Module):
    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = env.single_observation_space.shape
        self.seats = env.num_envs
        self.torso = Torso(env, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        for name, tensor in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(tensor, 1.0)
            else:
                nn.init.orthogonal_(tensor, 1.0)
        self.pi = nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args))
        self.vf = nn.Linear(hidden_size, 1)
        self.temperature = torch.tensor([1.1])
        self.h = None
        self.c = None
        self.mean_entropy = 0.0

    def __getstate__(self):
        state = dict(self.__dict__)
        state.update(h=None, c=None)
        return state

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.h is None else (self.h.clone(), self.c.clone())

    def set_memory(self, memory):
        self.h, self.c = (None, None) if memory is None else memory

    def reset_memory(self):
        self.h = self.c = None

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for tensor in self.parameters():
                tensor.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, action):
        kind = action[:, 0].long()
        return kind + self.cum_action_max_params[kind] + action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def _states(self, td, count, device):
        places = torch.arange(count, device=device)
        if "training_env_id_start" in td.keys():
            places = places + td["training_env_id_start"].flatten()[0]
        if self.h is None or self.h.shape[1] < count:
            size = (self.lstm.num_layers, max(count, self.seats), self.lstm.hidden_size)
            self.h = torch.zeros(size, device=device)
            self.c = torch.zeros(size, device=device)
        return places, self.h[:, places], self.c[:, places]

    def forward(self, td, state=None, action=None):
        if action is None:
            count, steps = td.batch_size[0], 1
        else:
            count, steps = td.batch_size
            td = td.reshape(count * steps)
        device = td["env_obs"].device
        td["bptt"] = torch.full((count * steps,), steps, dtype=torch.int64, device=device)
        td["batch"] = torch.full((count * steps,), count, dtype=torch.int64, device=device)

        x = self.torso(td["env_obs"]).view(count, steps, -1).transpose(0, 1)
        places, h, c = self._states(td, count, device)
        if "dones" in td.keys():
            ended = td["dones"].bool().view(count, steps)
            if "truncateds" in td.keys():
                ended = ended & td["truncateds"].bool().view(count, steps)
        else:
            ended = torch.zeros(count, steps, dtype=torch.bool, device=device)
        outputs = []
        for t in range(steps):
            keep = (~ended[:, t]).view(1, -1, 1)
            out, (h, c) = self.lstm(x[t : t + 1], (h * keep, c * keep))
            outputs.append(out[0])
        self.h = self.h.index_copy(1, places, h.detach().float())
        self.c = self.c.index_copy(1, places, c.detach().float())
        hidden = torch.stack(outputs, 1).view(count * steps, -1)

        log_probs = F.log_softmax(self.pi(hidden) / self.temperature, -1)
        entropy = -(log_probs.exp() * log_probs).sum(-1)
        self.mean_entropy = entropy.mean().item()
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.view(-1)).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(1, index).view(-1)
            td["values"] = self.vf(hidden).view(-1)
            td["full_log_probs"] = log_probs
            return td
        index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(1)
        td["act_log_prob"] = log_probs.gather(1, index).view(-1)
        td["entropy"] = entropy
        td["value"] = self.vf(hidden)
        td["full_log_probs"] = log_probs
        return td
