"""Policies that came over from other trainers."""

import torch
import torch.nn.functional as F
from torch import nn

from ..mixins import BoundWeights, GroupBank, JointActions, reject, settle, stamps
from ..nets import MapNet, ScoreHead


def sample(log_probs):
    index = torch.multinomial(log_probs.exp(), num_samples=1)
    return index.squeeze(1), log_probs.gather(1, index).squeeze(1)


class Porter(BoundWeights, JointActions, nn.Module):
    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__()
        reject(self, kwargs)
        self.policy = MapNet(env, hidden_size)
        self.lstm = settle(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.lstm_h, self.lstm_c = {}, {}
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.drop_anchors()

    def has_memory(self):
        return True

    def get_memory(self):
        return self.lstm_h, self.lstm_c

    def set_memory(self, memory):
        self.lstm_h, self.lstm_c = memory

    def reset_memory(self):
        self.lstm_h.clear()
        self.lstm_c.clear()

    def _before(self, td, key, rows, device):
        if key not in self.lstm_h or key not in self.lstm_c:
            shape = (self.lstm.num_layers, rows, self.lstm.hidden_size)
            return torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        h, c = self.lstm_h[key], self.lstm_c[key]
        if "dones" in td.keys() and "truncateds" in td.keys():
            over = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
            h, c = h.masked_fill(over, 0), c.masked_fill(over, 0)
        return h, c

    @torch._dynamo.disable
    def forward(self, td, state=None, action=None):
        if action is None:
            B, TT = td.batch_size[0], 1
        else:
            B, TT = td.batch_size
            td = td.reshape(B * TT)
        obs = td["env_obs"]
        td.update(stamps(B, TT, obs.device))
        key = td["training_env_id_start"][0].item() if "training_env_id_start" in td.keys() else 0

        hidden = self.policy.encode_observations(obs).view(B, TT, -1).transpose(0, 1)
        hidden, (h, c) = self.lstm(hidden, self._before(td, key, B, obs.device))
        self.lstm_h[key], self.lstm_c[key] = h.detach(), c.detach()
        logits, value = self.policy.decode_actions(hidden.transpose(0, 1).reshape(B * TT, -1))
        log_probs = F.log_softmax(logits, -1)
        td["full_log_probs"] = log_probs
        if action is None:
            index, td["act_log_prob"] = sample(log_probs)
            td["actions"] = self._convert_logit_index_to_action(index)
            td["values"] = value
            return td
        index = self._convert_action_to_logit_index(action.reshape(B * TT, 2))
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(B, TT)


class Courier(BoundWeights, JointActions, nn.Module):
    """From a trainer with one environment group and one name for values."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300, **_):
        super().__init__()
        self.policy = MapNet(env, hidden_size)
        self.rnn = settle(nn.LSTM(hidden_size, hidden_size, num_layers, batch_first=True))
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.carried = None
        self.drop_anchors()

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.carried is None else tuple(s.clone() for s in self.carried)

    def set_memory(self, memory):
        self.carried = None if memory is None else tuple(s.clone() for s in memory)

    def reset_memory(self):
        self.carried = None

    def __getstate__(self):
        return {**self.__dict__, "carried": None}

    def initial(self, td):
        rows = td.batch_size[0]
        if self.carried is None or self.carried[0].shape[1] != rows:
            shape = (self.rnn.num_layers, rows, self.rnn.hidden_size)
            zeros = torch.zeros(shape, device=td["env_obs"].device)
            return zeros, zeros
        alive = torch.ones(rows, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                alive = alive * (1.0 - td[flag].float().view(-1))
        return tuple(s * alive.view(1, -1, 1) for s in self.carried)

    def forward(self, td, state=None, action=None):
        if action is not None:
            return self.evaluate(td, action)
        td.update(stamps(td.batch_size[0], 1, td["env_obs"].device))
        hidden = self.policy.encode_observations(td["env_obs"]).unsqueeze(1)
        out, (h, c) = self.rnn(hidden, self.initial(td))
        self.carried = h.detach(), c.detach()
        logits, value = self.policy.decode_actions(out.squeeze(1))
        log_probs = F.log_softmax(logits, -1)
        index, td["act_log_prob"] = sample(log_probs)
        td["actions"] = self._convert_logit_index_to_action(index)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td

    def evaluate(self, td, action):
        B, T = td.batch_size
        flat = td.reshape(B * T)
        flat.update(stamps(B, T, td["env_obs"].device))
        out, _ = self.rnn(self.policy.encode_observations(flat["env_obs"]).view(B, T, -1))
        logits, value = self.policy.decode_actions(out.reshape(B * T, -1))
        log_probs = F.log_softmax(logits, -1)
        index = self._convert_action_to_logit_index(action.reshape(B * T, 2))
        flat["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
        return flat.reshape(B, T)


class Beacon(JointActions, GroupBank, nn.Module):
    """Everything in one class; from a notebook."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__()
        reject(self, kwargs)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        most = [9, 1, 1, 10, 3, 254, 1, 1, 235, 8, 9, 250, 29, 1, 1, 8, 1, 1, 6, 3, 1, 2]
        self.register_buffer("most", torch.tensor(most, dtype=torch.float32).view(1, 22, 1, 1), persistent=False)
        self.see = nn.Sequential(nn.Conv2d(22, 32, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, hidden_size), nn.ReLU())
        self.lstm = settle(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.actor = nn.Sequential(nn.Linear(hidden_size, 256), nn.ReLU(), ScoreHead(256))
        self.critic = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))
        self.open_bank(self.lstm, groups=8, rows=512)

    def activate_action_embeddings(self, names, device):
        self.actor[-1].activate(len(names), device)

    def look(self, obs):
        where, what, much = obs.long().unbind(-1)
        x, y = where >> 4, where & 0x0F
        good = (where != 255) & (what < 22) & (x < 11) & (y < 11)
        row = torch.arange(obs.shape[0], device=obs.device)[:, None].expand_as(where)
        box = torch.zeros(obs.shape[0], 22, 11, 11, device=obs.device)
        box[row[good], what[good], x[good], y[good]] = much[good].float()
        return self.see(box / self.most)

    def forward(self, td, state=None, action=None):
        if action is None:
            out, (h, c) = self.lstm(self.look(td["env_obs"]).unsqueeze(0), tuple(self.recall(td)))
            self.keep(td, h, c)
            log_probs = self.actor(out[0]).log_softmax(-1)
            index, td["act_log_prob"] = sample(log_probs)
            td["actions"] = self._convert_logit_index_to_action(index)
            td["values"] = self.critic(out[0]).squeeze(-1)
            td["full_log_probs"] = log_probs
            return td
        B, T = td.batch_size
        td = td.reshape(B * T)
        out, _ = self.lstm(self.look(td["env_obs"]).view(B, T, -1).transpose(0, 1))
        out = out.transpose(0, 1).flatten(0, 1)
        log_probs = self.actor(out).log_softmax(-1)
        index = self._convert_action_to_logit_index(action.reshape(B * T, 2))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = self.critic(out).squeeze(-1)
        td["full_log_probs"] = log_probs
        return td.reshape(B, T)


class Ferry(GroupBank, BoundWeights, nn.Module):
    def __init__(self, env, hidden_size=128, num_layers=2):
        super().__init__()
        self.policy = MapNet(env, hidden_size)
        self.lstm = settle(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.open_bank(self.lstm, groups=4, rows=1024)
        self.drop_anchors()

    def activate_action_embeddings(self, names, device):
        self.policy.head.activate(len(names), device)

    def _convert_action_to_logit_index(self, action):
        return self.cum_action_max_params[action[:, 0].long()] + action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    @torch.no_grad()
    def clip_weights(self):
        for p in self.parameters():
            p.clamp_(-1.0, 1.0)

    def forward(self, td, state=None, action=None):
        obs = td["env_obs"]
        if action is None:
            B = td.batch_size[0]
            td.update(stamps(B, 1, obs.device))
            out, (h, c) = self.lstm(self.policy.encode_observations(obs)[None], tuple(self.recall(td)))
            self.keep(td, h, c)
            logits, value = self.policy.decode_actions(out.squeeze(0))
            log_probs = logits.log_softmax(-1)
            index, td["act_log_prob"] = sample(log_probs)
            td["actions"] = torch.zeros((B, 2), dtype=torch.int32, device=index.device)
            td["values"] = value
            td["full_log_probs"] = log_probs
            return td
        B, T = td.batch_size
        flat = td.reshape(B * T)
        flat.update(stamps(B, T, obs.device))
        hidden = self.policy.encode_observations(flat["env_obs"]).view(B, T, -1)
        out, _ = self.lstm(hidden.transpose(0, 1))
        logits, value = self.policy.decode_actions(out.transpose(0, 1).reshape(B * T, -1))
        log_probs = logits.log_softmax(-1)
        index = self._convert_action_to_logit_index(action.view(B * T, 2))
        flat["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        flat["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
        flat["full_log_probs"] = log_probs
        flat["value"] = value
        return flat.reshape(B, T)
