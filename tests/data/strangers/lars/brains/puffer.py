"""On PufferLib's wrapper."""
from typing import Dict, Optional

import einops
import numpy as np
import pufferlib.models
import pufferlib.pytorch
import torch
import torch.nn as nn
from tensordict import TensorDict

layer_init = pufferlib.pytorch.layer_init

MAX_VALUES = [9.0, 1.0, 1.0, 10.0, 3.0, 254.0, 1.0, 1.0, 235.0, 8.0, 9.0, 250.0, 29.0, 1.0, 1.0, 8.0, 1.0, 1.0, 6.0, 3.0, 1.0, 2.0]


class Puffer(pufferlib.models.LSTMWrapper):
    def __init__(self, env, policy: Optional[nn.Module] = None, hidden_size: int = 256, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__(env, policy or PufferNet(env, hidden_size), hidden_size, hidden_size)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.last: Dict[str, torch.Tensor] = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.last

    def set_memory(self, memory):
        self.last = memory

    def reset_memory(self):
        self.last.clear()

    def forward(self, td: TensorDict, state: Optional[dict] = None, action: Optional[torch.Tensor] = None) -> TensorDict:
        observations = td["env_obs"]
        B = observations.shape[0]
        TT = observations.shape[1] if observations.dim() == 4 else 1
        td = td.reshape(B * TT)
        td.bptt = torch.full((B * TT,), TT, device=observations.device, dtype=torch.long)
        hidden = self.policy.encode_observations(observations)
        hidden = einops.rearrange(hidden, "(b t) h -> t b h", b=B)
        pair = (self.last["h"], self.last["c"]) if self.last else None
        out, (h, c) = self.lstm(hidden, pair)
        self.last.update(h=h.detach(), c=c.detach())
        logits, value = self.policy.decode_actions(einops.rearrange(out, "t b h -> (b t) h"))
        log_probs = logits.log_softmax(dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        if action is not None:
            index = self._convert_action_to_logit_index(action.reshape(B * TT, 2)).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["full_log_probs"] = log_probs
        if action is None:
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
            td["values"] = value.flatten()
            return td
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        return td.reshape(B, TT)

    def _convert_action_to_logit_index(self, action):
        kinds, arguments = torch.unbind(action.long(), dim=-1)
        base = torch.gather(self.cum_action_max_params, 0, kinds)
        return base + arguments

    def clip_weights(self):
        for module in self.policy.modules():
            weight = getattr(module, "weight", None)
            if weight is not None and self.clip_range > 0:
                torch.clamp_(weight, -self.clip_range, self.clip_range)


class PufferNet(nn.Module):
    def __init__(self, env, hidden_size):
        super().__init__()
        self.is_continuous = False
        self.action_space = env.single_action_space
        self.conv = layer_init(nn.Conv2d(22, 64, 5, stride=3), std=np.sqrt(2))
        self.fc = layer_init(nn.Linear(64 * 9, hidden_size))
        self.self_fc = layer_init(nn.Linear(22, hidden_size))
        self.actor = layer_init(nn.Linear(hidden_size + 16, sum(self.action_space.nvec)), std=0.01)
        self.action_embeddings = nn.Embedding(100, 16)
        self.value = layer_init(nn.Linear(hidden_size, 1), std=1)
        self.register_buffer("max_vec", torch.tensor(MAX_VALUES)[None, :, None, None])

    def encode_observations(self, observations, state=None):
        if observations.dim() == 4:
            observations = einops.rearrange(observations, "b t m c -> (b t) m c")
        tokens = observations.masked_fill(observations == 255, 0)
        coords = tokens[..., 0].to(torch.uint8)
        x, y = ((coords >> 4) & 0x0F).long(), (coords & 0x0F).long()
        attribute, value = tokens[..., 1].long(), tokens[..., 2].float()
        good = (coords != 0xFF) & (x < 11) & (y < 11) & (attribute < 22)
        box = torch.zeros(tokens.shape[0], 22, 11, 11, device=tokens.device)
        batch = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(-1).expand_as(x)
        box[batch[good], attribute[good], x[good], y[good]] = value[good]
        box = box / self.max_vec
        return torch.relu(self.fc(self.conv(box).flatten(1)) + self.self_fc(box[:, :, 5, 5]))

    def decode_actions(self, hidden):
        pooled = self.action_embeddings.weight.sum(dim=0).expand(hidden.shape[0], -1)
        return self.actor(torch.cat([hidden, pooled], dim=-1)), self.value(hidden)
