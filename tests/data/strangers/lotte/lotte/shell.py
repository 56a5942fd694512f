"""The shell around a net: it speaks with the trainer and keeps what the net remembers."""
import torch
import torch.nn as nn
from tensordict import TensorDict


class ActionTables(object):
    cum_action_max_params = None
    action_index_tensor = None

    def _convert_action_to_logit_index(self, action):
        action = action.reshape(-1, 2).long()
        return action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].to(torch.int32)


class StateTable(object):
    """States of all environments, one row each, in a TensorDict that is made on the first write."""

    max_envs = 2048
    states = None

    def rows_of(self, td):
        first = td['training_env_id_start'][:1]
        return first + torch.arange(td.batch_size[0], device=first.device)

    def load_state(self, td):
        if self.states is None:
            return None
        live = ~(td['dones'].bool() | td['truncateds'].bool())
        kept = self.states[self.rows_of(td)]
        return {k: (v * live.view(-1, 1, 1)).transpose(0, 1).contiguous() for k, v in kept.items()}

    def save_state(self, td, state):
        rows = {k: v.detach().transpose(0, 1) for k, v in state.items()}
        if self.states is None:
            empty = {k: v.new_zeros(self.max_envs, *v.shape[1:]) for k, v in rows.items()}
            self.states = TensorDict(empty, batch_size=[self.max_envs])
        self.states[self.rows_of(td)] = TensorDict(rows, batch_size=[td.batch_size[0]])


class Shell(StateTable, ActionTables, nn.Module):
    def __init__(self, env, net, clip_range=0., analyze_weights_interval=300, max_envs=2048):
        super(Shell, self).__init__()
        self.policy = net
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.max_envs = max_envs

    def __getstate__(self):
        state = self.__dict__.copy()
        state['states'] = None
        return state

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.states is None else self.states.clone()

    def set_memory(self, memory):
        self.states = None if memory is None else memory.clone()

    def reset_memory(self):
        self.states = None

    def clip_weights(self):
        if self.clip_range > 0:
            for p in self.parameters():
                p.data.clamp_(-self.clip_range, self.clip_range)

    def _answer(self, td, logits, value, action):
        logp = logits - logits.logsumexp(-1, keepdim=True)
        td.set('full_log_probs', logp)
        if action is None:
            index = torch.multinomial(logp.exp(), 1)
            td.set('actions', self._convert_logit_index_to_action(index[:, 0]))
            td.set('values', value)
        else:
            index = self._convert_action_to_logit_index(action).unsqueeze(1)
            td.set('entropy', torch.sum(-logp * logp.exp(), dim=-1))
            td.set('value', value)
        td.set('act_log_prob', logp.gather(1, index)[:, 0])

    def forward(self, td, state=None, action=None):
        if action is None:
            B, T = td.batch_size[0], 1
        else:
            B, T = td.batch_size
            td = td.reshape(B * T)
        obs = td['env_obs']
        td.set('bptt', torch.empty(B * T, dtype=torch.int64, device=obs.device).fill_(T))
        td.set('batch', torch.empty(B * T, dtype=torch.int64, device=obs.device).fill_(B))
        x = self.policy.encode_observations(obs).view(B, T, -1).transpose(0, 1)
        if action is None:
            x, new = self.policy.advance(x, self.load_state(td))
            self.save_state(td, new)
        else:
            x, _ = self.policy.advance(x, None)
        logits, value = self.policy.decode_actions(x.transpose(0, 1).reshape(B * T, -1))
        self._answer(td, logits, value, action)
        if action is not None:
            td = td.reshape(B, T)
        return td
