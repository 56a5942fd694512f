import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


class Stack(nn.Module):
    """an lstm on an lstm"""

    def __init__(self, width):
        super().__init__()
        self.first = nn.LSTM(width, width)
        self.second = nn.LSTM(width, width)
        self.reset()

    def reset(self):
        for lstm in (self.first, self.second):
            for name, p in lstm.named_parameters():
                if "weight" in name:
                    nn.init.orthogonal_(p)
                else:
                    nn.init.constant_(p, 1)

    def forward(self, x, states):
        x, one = self.first(x, states[0])
        x, two = self.second(x, states[1])
        return x, [one, two]


def detached(tree):
    """the same structure, of tensors without a graph"""
    if torch.is_tensor(tree):
        return tree.detach()
    return [detached(branch) for branch in tree]


class Dueling(nn.Module):
    def __init__(self, env, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.width = width
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.embed = nn.EmbeddingBag(256 * 256, width, mode="sum")
        self.stack = Stack(width)
        self.actions = nn.Linear(width, sum(m + 1 for m in env.max_action_args))
        self.value = nn.Linear(width, 1)
        self._memory = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self._memory)

    def set_memory(self, memory):
        self._memory = dict(memory)

    def reset_memory(self):
        self._memory = {}

    def __deepcopy__(self, memo):
        import copy

        new = self.__class__.__new__(self.__class__)
        memo[id(self)] = new
        nn.Module.__init__(new)
        for key, value in self.__dict__.items():
            new.__dict__[key] = {} if key == "_memory" else copy.deepcopy(value, memo)
        return new

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "_memory"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._memory = {}

    def see(self, tokens):
        place, feature, value = tokens.long().unbind(-1)
        weights = value.float() / 255 * (place != 255)
        return torch.tanh(self.embed(place * 256 + feature, per_sample_weights=weights))

    def recall(self, td, like, rows):
        if "training_env_id_start" in td.keys():
            key = td["training_env_id_start"][0].item()
        else:
            key = None
        states = self._memory.get(key)
        if states is None:
            zero = like.new_zeros(1, rows, self.width)
            states = [[zero, zero], [zero, zero]]
        if td.batch_dims == 1 and td.batch_size[0] == rows:
            for flag in ("dones", "truncateds"):
                if flag in td.keys():
                    stay = (td[flag] == 0).to(like.dtype).view(1, rows, 1)
                    states = [[s * stay for s in pair] for pair in states]
        return key, states

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        if td.batch_dims == 1:
            return self._rollout(td)
        return self._train(td, action)

    def _rollout(self, td):
        rows = td.batch_size[0]
        device = td["env_obs"].device
        td["bptt"] = torch.ones(rows, dtype=torch.long, device=device)
        td["batch"] = torch.full((rows,), rows, dtype=torch.long, device=device)
        x = self.see(td["env_obs"])
        key, states = self.recall(td, x, rows)
        y, states = self.stack(x.unsqueeze(0), states)
        self._memory[key] = detached(states)
        logp = F.log_softmax(self.actions(y[0]), -1)
        a = torch.multinomial(logp.exp(), 1).squeeze(-1)
        td["actions"] = self.action_index_tensor[a].int()
        td["act_log_prob"] = logp.gather(-1, a[:, None]).squeeze(-1)
        td["values"] = self.value(y[0]).squeeze(-1)
        td["full_log_probs"] = logp
        return td

    def _train(self, td, action):
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        device = flat["env_obs"].device
        flat["bptt"] = torch.full((rows * steps,), steps, dtype=torch.long, device=device)
        flat["batch"] = torch.full((rows * steps,), rows, dtype=torch.long, device=device)
        x = self.see(flat["env_obs"]).unflatten(0, (rows, steps)).transpose(0, 1)
        zero = x.new_zeros(1, rows, self.width)
        y, _ = self.stack(x, [[zero, zero], [zero, zero]])
        y = y.transpose(0, 1).flatten(0, 1)
        logp = F.log_softmax(self.actions(y), -1)
        kind, argument = action.reshape(-1, 2).long().split(1, -1)
        a = kind + self.cum_action_max_params[kind] + argument
        flat["act_log_prob"] = logp.gather(-1, a).squeeze(-1)
        flat["entropy"] = -(logp.exp() * logp).sum(-1)
        flat["value"] = self.value(y)
        flat["full_log_probs"] = logp
        return flat.reshape(rows, steps)

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in (self.actions, self.value):
                layer.weight.data.clamp_(-self.clip_range, self.clip_range)
