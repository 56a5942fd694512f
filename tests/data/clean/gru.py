"""A GRU over one net, entries written by `set`, attention to nothing but the contract."""

import warnings

import torch
import torch.nn as nn
from tensordict import TensorDict

from .nets import FlatNet


class Ranger(nn.Module):
    def __init__(
        self, env, input_size=64, hidden_size=64, clip_range=0.0, analyze_weights_interval=300, **unread
    ):
        super().__init__()
        if unread:
            warnings.warn("nothing reads " + ", ".join(unread), stacklevel=2)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = FlatNet(env, input_size, hidden_size)
        self.gru = nn.GRU(input_size, hidden_size, batch_first=True)
        for name, parameter in self.gru.named_parameters():
            if name.startswith("weight"):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.constant_(parameter, 1.0)
        self.register_buffer("states", torch.zeros(4096, hidden_size), persistent=False)
        self.cum_action_max_params = None
        self.action_index_tensor = None

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = state["_buffers"].copy()
        state["_buffers"]["states"] = torch.zeros_like(self.states)
        return state

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        steps = td.batch_size[1] if td.batch_dims > 1 else 1
        td = td.reshape(-1)
        rows = td.batch_size[0]
        device = td["env_obs"].device
        td.set("bptt", torch.full((rows,), steps, device=device, dtype=torch.long))
        td.set("batch", torch.full((rows,), rows // steps, device=device, dtype=torch.long))

        features = self.net.encode_observations(td["env_obs"])
        features = features.reshape(rows // steps, steps, -1)
        going = torch.zeros(rows, device=device)
        ends = torch.logical_or(td.get("dones", going).bool(), td.get("truncateds", going).bool())
        ends = ends.reshape(rows // steps, steps, 1)
        where = torch.arange(rows // steps, device=device)
        if "training_env_id_start" in td.keys():
            where = where + td["training_env_id_start"][0]
        memory = self.states[where]
        outputs = []
        for step in range(steps):
            memory = torch.where(ends[:, step], torch.zeros_like(memory), memory)
            output, memory = self.gru(features[:, step : step + 1], memory.unsqueeze(0))
            memory = memory.squeeze(0)
            outputs.append(output)
        if action is None:
            self.states[where] = memory.detach()
        hidden = torch.cat(outputs, dim=1).reshape(rows, -1)

        logits, value = self.net.decode_actions(hidden)
        log_probs = logits.log_softmax(dim=-1)
        td.set("full_log_probs", log_probs)
        if action is None:
            index = log_probs.exp().multinomial(1)
            td.set("actions", self._convert_logit_index_to_action(index.squeeze(-1)).int())
            td.set("act_log_prob", log_probs.gather(1, index).squeeze(-1))
            td.set("values", value.squeeze(-1))
            return td
        index = self._convert_action_to_logit_index(action.reshape(rows, 2))
        td.set("act_log_prob", log_probs.gather(1, index.unsqueeze(-1)).squeeze(-1))
        td.set("entropy", -(log_probs.exp() * log_probs).sum(-1))
        td.set("value", value)
        return td.reshape(rows // steps, steps)

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
            dones=UnboundedContinuous(shape=(), dtype=torch.float32),
            truncateds=UnboundedContinuous(shape=(), dtype=torch.float32),
        )

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states.detach().clone()

    def set_memory(self, memory):
        self.states.copy_(memory)

    def reset_memory(self):
        self.states.zero_()

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for parameter in self.net.parameters():
                parameter.clamp_(min=-self.clip_range, max=self.clip_range)

    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action.select(-1, 0).long()
        return types + self.cum_action_max_params[types] + flattened_action.select(-1, 1).long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
