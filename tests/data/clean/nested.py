"""A net inside the agent does the encoding, the core and the heads; functions of a module do the rest."""

import warnings

import torch
import torch.nn as nn
from tensordict import TensorDict

from .heads import episode_ends, evaluate_actions, sample_actions
from .nets import BoxNet


class Brain(nn.Module):
    """Box net and LSTM; the state of every environment lives here."""

    def __init__(self, env, hidden_size=64):
        super().__init__()
        self.net = BoxNet(env, hidden_size, hidden_size)
        self.core = nn.LSTM(hidden_size, hidden_size)
        for name, parameter in self.core.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.ones_(parameter)
        self.register_buffer("h", torch.zeros(1, 4096, hidden_size), persistent=False)
        self.register_buffer("c", torch.zeros(1, 4096, hidden_size), persistent=False)

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {
            **state["_buffers"],
            "h": torch.zeros_like(self.h),
            "c": torch.zeros_like(self.c),
        }
        return state

    @torch.no_grad()
    def bound(self, most):
        for parameter in self.parameters():
            parameter.clamp_(-most, most)

    def think(self, observations, ends, groups, training):
        """`[B*T, M, 3]`, ends `[B, T]`, rows of the memory `[B]` -> logits `[B*T, A]`, value `[B*T, 1]`."""
        batch, steps = ends.shape
        features = self.net.encode_observations(observations).view(batch, steps, -1).transpose(0, 1)
        h, c = self.h[:, groups], self.c[:, groups]
        outputs = []
        for step in range(steps):
            going = ends[:, step].logical_not().view(1, batch, 1)
            output, (h, c) = self.core(features[step].unsqueeze(0), (h * going, c * going))
            outputs.append(output)
        if not training:
            self.h[:, groups] = h.detach()
            self.c[:, groups] = c.detach()
        hidden = torch.cat(outputs).transpose(0, 1).reshape(batch * steps, -1)
        return self.net.decode_actions(hidden)


class Warden(nn.Module):
    def __init__(self, env, hidden_size=64, clip_range=0.0, analyze_weights_interval=300, **config):
        super().__init__()
        if config:
            warnings.warn(f"nothing reads {sorted(config)}", stacklevel=2)
        self.brain = Brain(env, hidden_size)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.cum_action_max_params = None
        self.action_index_tensor = None

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        batch, steps = (td.batch_size[0], 1) if td.batch_dims == 1 else td.batch_size
        td = td.reshape(batch * steps)
        rows = torch.ones(batch * steps, dtype=torch.int64, device=td["env_obs"].device)
        td["bptt"] = rows * steps
        td["batch"] = rows * batch

        group = td.get("training_env_id_start", torch.zeros_like(rows))
        groups = group[0] + torch.arange(batch, device=td["env_obs"].device)
        ends = episode_ends(td, batch, steps)
        logits, value = self.brain.think(td["env_obs"], ends, groups, action is not None)

        if action is None:
            td["actions"], td["act_log_prob"], td["full_log_probs"] = sample_actions(
                logits, self.action_index_tensor
            )
            td["values"] = value.squeeze(-1)
            return td
        index = self._convert_action_to_logit_index(action.reshape(batch * steps, 2))
        td["act_log_prob"], td["entropy"], td["full_log_probs"] = evaluate_actions(logits, index)
        td["value"] = value
        return td.reshape(batch, steps)

    def has_memory(self):
        return True

    def get_memory(self):
        return {"h": self.brain.h.clone(), "c": self.brain.c.clone()}

    def set_memory(self, memory):
        self.brain.h.copy_(memory["h"])
        self.brain.c.copy_(memory["c"])

    def reset_memory(self):
        self.brain.h.zero_()
        self.brain.c.zero_()

    def clip_weights(self):
        if self.clip_range > 0:
            self.brain.bound(self.clip_range)

    def l2_init_loss(self):
        return self.clip_range * sum(parameter.square().sum() for parameter in self.brain.parameters())

    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action[:, 0].long()
        offsets = self.cum_action_max_params.index_select(0, types)
        return offsets + types + flattened_action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
