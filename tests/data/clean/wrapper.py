"""The style of PufferLib's wrapper: a base with the core, a net, and a forward that does the rest."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict

from .base import LSTMWrapper
from .nets import BoxNet


class Forager(LSTMWrapper):
    def __init__(self, env, policy=None, input_size=64, hidden_size=64, **config):
        if policy is None:
            policy = BoxNet(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, policy, input_size, hidden_size, **config)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        if td.batch_dims > 1:
            B, T = td.batch_size
            td = td.reshape(B * T)
        else:
            B, T = td.batch_size[0], 1
        observations = td["env_obs"]
        td["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=observations.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=observations.device)

        features = self.policy.encode_observations(observations)
        features = features.view(B, T, -1).transpose(0, 1)

        ended = torch.zeros(B, T, dtype=torch.bool, device=observations.device)
        for key in ("dones", "truncateds"):
            flags = td.get(key, None)
            if flags is not None:
                ended = ended | flags.view(B, T).bool()
        h, c = self.recall(td, B)
        outputs = []
        for t in range(T):
            going = (~ended[:, t]).view(1, B, 1)
            output, (h, c) = self.lstm(features[t : t + 1], (h * going, c * going))
            outputs.append(output)
        if action is None:
            self.remember(td, B, h, c)
        hidden = torch.cat(outputs).transpose(0, 1).reshape(B * T, -1)

        logits, value = self.policy.decode_actions(hidden)
        log_probs = F.log_softmax(logits, dim=-1)

        if action is None:
            index = torch.multinomial(log_probs.exp(), num_samples=1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
        else:
            index = self._convert_action_to_logit_index(action.reshape(B * T, -1))
            td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
            td["value"] = value
            td["full_log_probs"] = log_probs
            td = td.reshape(B, T)
        return td
