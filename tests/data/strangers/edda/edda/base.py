"""The agent that all others specialise.

The steps of `forward` are methods, so that a variant says only what it does differently.
"""

import torch
import torch.nn as nn

from edda.layers import EnvRows, start_core


class Agent(nn.Module):
    def __init__(
        self,
        env,
        net,
        hidden_size=128,
        num_layers=2,
        num_envs=4096,
        clip_range=0.0,
        analyze_weights_interval=300,
        **unknown,
    ):
        super().__init__()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}")
        self.net = net
        self.core = start_core(nn.LSTM(net.width, hidden_size, num_layers))
        self.memory = EnvRows(num_layers, hidden_size, num_envs)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.cum_action_max_params = None
        self.action_index_tensor = None
        self.remember_initial_weights()

    # -- the two modes

    def forward(self, td, state=None, action=None):
        if action is None:
            return self.play(td)
        return self.judge(td, action)

    def play(self, td):
        self.stamp(td, td.batch_size[0], 1)
        hidden = self.net.encode_observations(td["env_obs"])
        rows = self.memory.rows(td)
        out, (h, c) = self.core(hidden.unsqueeze(0), self.memory.read(rows, self.ended(td)))
        self.memory.write(rows, h, c)
        logits, value = self.net.decode_actions(out[0])
        log_probs = logits.log_softmax(-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["values"] = value
        td["full_log_probs"] = log_probs
        return td

    def judge(self, td, action):
        batch, steps = td.batch_size
        flat = td.reshape(batch * steps)
        self.stamp(flat, batch, steps)
        hidden = self.net.encode_observations(flat["env_obs"])
        out, _ = self.core(hidden.view(batch, steps, -1).transpose(0, 1))
        out = out.transpose(0, 1).reshape(batch * steps, -1)
        logits, value = self.net.decode_actions(out)
        log_probs = logits.log_softmax(-1)
        self.measure(flat, log_probs, action.reshape(batch * steps, -1))
        flat["value"] = value
        return flat.reshape(batch, steps)

    # -- steps

    def stamp(self, td, batch, steps):
        device = td["env_obs"].device
        td["bptt"] = torch.full((batch * steps,), steps, dtype=torch.int64, device=device)
        td["batch"] = torch.full((batch * steps,), batch, dtype=torch.int64, device=device)

    def ended(self, td):
        ended = torch.zeros(td.batch_size[0], dtype=torch.bool, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = ended | td[flag].reshape(-1).bool()
        return ended

    def measure(self, td, log_probs, action):
        index = self._convert_action_to_logit_index(action)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["full_log_probs"] = log_probs

    # -- actions

    def _convert_action_to_logit_index(self, action):
        kinds, arguments = action.long().unbind(-1)
        return kinds + self.cum_action_max_params[kinds] + arguments

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def activate_action_embeddings(self, names, device):
        self.net.scores.activate(names, device)

    # -- memory

    def has_memory(self):
        return True

    def get_memory(self):
        return {"h": self.memory.h.clone(), "c": self.memory.c.clone()}

    def set_memory(self, memory):
        self.memory.h.copy_(memory["h"])
        self.memory.c.copy_(memory["c"])

    def reset_memory(self):
        self.memory.clear()

    # -- weights

    def affine(self):
        return [m for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]

    def remember_initial_weights(self):
        self.initial = [layer.weight.detach().clone() for layer in self.affine()]

    def l2_init_loss(self):
        pairs = zip(self.affine(), self.initial)
        return sum(((layer.weight - first.to(layer.weight.device)) ** 2).sum() for layer, first in pairs)

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for layer in self.affine():
                layer.weight.clamp_(-self.clip_range, self.clip_range)
