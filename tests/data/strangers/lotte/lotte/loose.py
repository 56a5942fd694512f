"""Policies that came from other trainers and wear no shell."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from .nets import SeeingNet, core_init
from .shell import ActionTables, StateTable


def with_stamps(td, T, B):
    marked = td.clone(recurse=False)
    marked['bptt'] = torch.full((B * T,), T, dtype=torch.int64, device=td['env_obs'].device)
    marked['batch'] = torch.full((B * T,), B, dtype=torch.int64, device=td['env_obs'].device)
    return marked


class Limpet(StateTable, ActionTables, nn.Module):
    """Caps what it sees, and remembers with one layer."""

    def __init__(self, env, hidden_size=128, cap=100, clip_range=0., analyze_weights_interval=300):
        super(Limpet, self).__init__()
        self.net = SeeingNet(env, hidden_size)
        self.lstm = core_init(nn.LSTM(hidden_size, hidden_size))
        self.cap = cap
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.states is None else self.states.clone()

    def reset_memory(self):
        self.states = None

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for p in self.net.parameters():
                    p.clamp_(-self.clip_range, self.clip_range)

    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        flat = td if action is None else td.reshape(B * T)
        obs = flat['env_obs']
        flat['bptt'] = torch.full((B * T,), T, dtype=torch.int64, device=obs.device)
        amounts = obs[..., 2]
        amounts.clamp_(max=self.cap)
        x = self.net.encode_observations(obs).view(B, T, -1).transpose(0, 1)
        if action is None:
            kept = self.load_state(flat)
            x, (h, c) = self.lstm(x, None if kept is None else (kept['h'], kept['c']))
            self.save_state(flat, {'h': h, 'c': c})
        else:
            x, _ = self.lstm(x)
        logits, value = self.net.decode_actions(x.transpose(0, 1).reshape(B * T, -1))
        logp = F.log_softmax(logits, -1)
        if action is None:
            index = torch.multinomial(logp.exp(), 1)
            flat['actions'] = self._convert_logit_index_to_action(index[:, 0])
            flat['values'] = value
        else:
            index = self._convert_action_to_logit_index(action)[:, None]
            flat['entropy'] = -(logp * logp.exp()).sum(-1)
            flat['value'] = value
        flat['act_log_prob'] = logp.gather(1, index)[:, 0]
        flat['full_log_probs'] = logp
        return flat if action is None else flat.reshape(B, T)


class Whelk(StateTable, ActionTables, nn.Module):
    """One GRU, one page of code."""

    def __init__(self, env, hidden_size=128):
        super(Whelk, self).__init__()
        self.net = SeeingNet(env, hidden_size)
        self.gru = core_init(nn.GRU(hidden_size, hidden_size))

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.states is None else self.states.clone()

    def set_memory(self, memory):
        self.states = memory

    def reset_memory(self):
        self.states = None

    def __getstate__(self):
        return dict(self.__dict__, states=None)

    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        flat = td if action is None else td.reshape(B * T)
        with_stamps(flat, T, B)
        x = self.net.encode_observations(flat['env_obs']).view(B, T, -1).transpose(0, 1)
        if action is None:
            kept = self.load_state(flat)
            x, g = self.gru(x, None if kept is None else kept['g'])
            self.save_state(flat, {'g': g})
        else:
            x, _ = self.gru(x)
        logits, value = self.net.decode_actions(x.transpose(0, 1).reshape(B * T, -1))
        logp = F.log_softmax(logits, -1)
        if action is None:
            index = torch.multinomial(logp.exp(), 1)
            flat['actions'] = self._convert_logit_index_to_action(index[:, 0])
            flat['values'] = value
        else:
            index = self._convert_action_to_logit_index(action)[:, None]
            flat['value'] = value
        flat['act_log_prob'] = logp.gather(1, index)[:, 0]
        flat['full_log_probs'] = logp
        return flat if action is None else flat.reshape(B, T)
