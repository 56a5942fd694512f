import torch
import torch.nn as nn
from torchrl.data import Composite, UnboundedDiscrete

from .torso import Torso


class Slate(nn.Module):
    """GRU whose memory is a buffer: it moves with the module, and neither checkpoints nor pickles hold it."""

    def __init__(self, env, hidden_size=128, num_layers=1, clip_range=0.0, analyze_weights_interval=300):
        nn.Module.__init__(self)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = torch.Size(env.single_observation_space.shape)
        self.seats = env.num_envs
        self.torso = Torso(env, hidden_size)
        self.gru = nn.GRU(input_size=hidden_size, hidden_size=hidden_size, num_layers=num_layers)
        self.gru.apply(self._start)
        n_actions = sum(env.max_action_args) + len(env.max_action_args)
        self.heads = nn.ModuleDict({"actor": nn.Linear(hidden_size, n_actions), "critic": nn.Linear(hidden_size, 1)})
        self.register_buffer("memory", torch.zeros(num_layers, 0, hidden_size), persistent=False)

    @staticmethod
    def _start(core):
        for name, tensor in core.named_parameters(recurse=False):
            if "weight" in name:
                nn.init.orthogonal_(tensor, gain=1)
            else:
                nn.init.constant_(tensor, 1.0)

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = {**self._buffers, "memory": self.memory[:, :0].clone()}
        return state

    def has_memory(self):
        return True

    def get_memory(self):
        return {"memory": self.memory.clone()}

    def set_memory(self, memory):
        self.memory = memory["memory"].clone()

    def reset_memory(self):
        self.memory = self.memory[:, :0]

    def clip_weights(self):
        bound = float(self.clip_range)
        if bound > 0:
            for parameter in self.parameters():
                parameter.detach().clamp_(-bound, bound)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, action):
        action = action.long()
        return action.sum(-1) + self.cum_action_max_params[action[..., 0]]

    def _convert_logit_index_to_action(self, index):
        return torch.index_select(self.action_index_tensor, 0, index)

    def _seat(self, td, count):
        seat = torch.arange(count, device=td["env_obs"].device)
        return seat + td["training_env_id_start"].view(-1)[0] if "training_env_id_start" in td.keys() else seat

    def _room_for(self, count):
        missing = max(count, self.seats) - self.memory.shape[1]
        if missing > 0:
            self.memory = torch.cat([self.memory, self.memory.new_zeros(self.memory.shape[0], missing, self.memory.shape[2])], 1)

    def _ended(self, td, count, steps):
        ended = torch.zeros(count, steps, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = torch.maximum(ended, td[flag].view(count, steps).float())
        return ended

    def forward(self, td, state=None, action=None):
        training = action is not None
        count = td.batch_size[0]
        steps = td.batch_size[1] if training else 1
        if training:
            td = td.reshape(count * steps)
        td["bptt"] = torch.full((count * steps,), steps, dtype=torch.long, device=td["env_obs"].device)
        td["batch"] = torch.full_like(td["bptt"], count)

        x = self.torso(td["env_obs"]).view(count, steps, -1)
        lives = 1.0 - self._ended(td, count, steps)
        seat = self._seat(td, count)
        self._room_for(count)
        memory = self.memory.index_select(1, seat)
        found = []
        for t in range(steps):
            memory = memory * lives[:, t].view(1, -1, 1)
            y, memory = self.gru(x[:, t].unsqueeze(0), memory)
            found.append(y)
        self.memory = self.memory.index_copy(1, seat, memory.detach().to(self.memory.dtype))
        hidden = torch.cat(found).transpose(0, 1).reshape(count * steps, -1)

        dist = torch.distributions.Categorical(logits=self.heads["actor"](hidden), validate_args=False)
        value = self.heads["critic"](hidden)
        if training:
            index = self._convert_action_to_logit_index(action.flatten(0, -2))
            outputs = {"entropy": dist.entropy(), "value": value}
        else:
            index = dist.sample()
            outputs = {"actions": self._convert_logit_index_to_action(index).int(), "values": value.squeeze(-1)}
        outputs |= {"act_log_prob": dist.log_prob(index), "full_log_probs": dist.logits}
        for key, output in outputs.items():
            td[key] = output
        return td.reshape(count, steps) if training else td
