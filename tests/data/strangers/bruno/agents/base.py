import torch
import torch.nn as nn


def detach(s):
    if isinstance(s, (tuple, list)):
        return type(s)(detach(x) for x in s)
    return s.detach()


class LSTMBase(nn.Module):
    """what all of my agents should have had from the start"""

    def __init__(self, env, policy, input_size=128, hidden_size=128, num_layers=2, clip_range=0.0,
                 analyze_weights_interval=300):
        super(LSTMBase, self).__init__()
        self.policy = policy
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers=num_layers)
        for name, p in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(p, 1)
            else:
                nn.init.orthogonal_(p, 1)
        self.states = {}

    def __getstate__(self):
        d = dict(self.__dict__)
        d["states"] = {}
        return d

    def has_memory(self):
        return True

    def get_memory(self):
        return {k: (h.clone(), c.clone()) for k, (h, c) in self.states.items()}

    def set_memory(self, memory):
        self.states = {k: v for k, v in memory.items()}

    def reset_memory(self):
        self.states = {}

    def fetch(self, td, B, device):
        """state of the env group that td is of, zeroed where an episode has ended"""
        key = td["training_env_id_start"][0].item() if "training_env_id_start" in td.keys() else 0
        if key in self.states:
            h, c = self.states[key]
        else:
            h = torch.zeros(self.num_layers, B, self.hidden_size, device=device)
            c = torch.zeros(self.num_layers, B, self.hidden_size, device=device)
        for flag in ["dones", "truncateds"]:
            if flag in td.keys() and td[flag].numel() == B:
                keep = (1.0 - td[flag].float()).view(1, B, 1)
                h, c = h * keep, c * keep
        return key, (h, c)

    def store(self, key, state):
        self.states[key] = detach(state)

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, (nn.Linear, nn.Conv2d)):
                    m.weight.data.clamp_(-self.clip_range, self.clip_range)
