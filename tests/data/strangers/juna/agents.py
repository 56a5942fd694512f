import torch
import torch.nn as nn
import torch.nn.functional as F
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from heads import Clipped, Heads, stamp, to_index, write_rollout, write_training
from layers import BagNet, ScanNet, dense, make_lstm
from memory import GroupMemory


def obs_spec(env, **more):
    shape = torch.Size(env.single_observation_space.shape)
    return Composite(env_obs=UnboundedDiscrete(shape=shape, dtype=torch.uint8), **more)


class Reader(GroupMemory, Clipped, nn.Module):

    net_class = BagNet

    def __init__(self, env, hidden_size=128, depth=2, clip_range=0.0, analyze_weights_interval=300):
        nn.Module.__init__(self)
        self.env_spec = obs_spec(env)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = self.net_class(env, hidden_size)
        self.lstm = make_lstm(hidden_size, hidden_size, depth)
        self.heads = Heads(env, hidden_size)
        self.init_memory()

    def get_agent_experience_spec(self):
        return self.env_spec

    def forward(self, td, state=None, action=None):
        if action is None:
            rows, steps, flat = td.batch_size[0], 1, td
        else:
            rows, steps = td.batch_size
            flat = td.reshape(rows * steps)
        stamp(flat, rows, steps)
        x = self.net(flat["env_obs"]).reshape(rows, steps, -1)
        x = self.unroll(self.lstm, x, td, rows, steps).reshape(rows * steps, -1)
        logp, value = self.heads(x)
        if action is None:
            write_rollout(self, flat, logp, value)
            return flat
        write_training(self, flat, logp, value, action)
        return flat.reshape(rows, steps)


class Scanner(Reader):
    net_class = ScanNet


class Listener(Reader):
    """Also hears how its last step went."""

    def __init__(self, env, hidden_size=128, depth=2, **kwargs):
        Reader.__init__(self, env, hidden_size, depth,
                        kwargs.get("clip_range", 0.0), kwargs.get("analyze_weights_interval", 300))
        self.hear = dense(1, hidden_size)

    def forward(self, td, state=None, action=None):
        if action is None:
            rows, steps, flat = td.batch_size[0], 1, td
        else:
            rows, steps = td.batch_size
            flat = td.reshape(rows * steps)
        stamp(flat, rows, steps)
        heard = torch.tanh(self.hear(flat["last_rewards"].reshape(-1, 1)))
        x = (self.net(flat["env_obs"]) + heard).reshape(rows, steps, -1)
        x = self.unroll(self.lstm, x, td, rows, steps).reshape(rows * steps, -1)
        logp, value = self.heads(x)
        if action is None:
            write_rollout(self, flat, logp, value)
            return flat
        write_training(self, flat, logp, value, action)
        return flat.reshape(rows, steps)


class Carrier(Clipped, nn.Module):
    """Keeps nothing: its memory is an entry of the TensorDict, which the rollout hands from step to step."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super(Carrier, self).__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.net = BagNet(env, hidden_size)
        self.cell = nn.GRUCell(hidden_size, hidden_size)
        nn.init.orthogonal_(self.cell.weight_ih)
        nn.init.orthogonal_(self.cell.weight_hh)
        nn.init.ones_(self.cell.bias_ih)
        nn.init.ones_(self.cell.bias_hh)
        self.heads = Heads(env, hidden_size)
        flag = UnboundedContinuous(shape=torch.Size([]))
        self.env_spec = obs_spec(env, dones=flag, truncateds=flag.clone(),
                                 carried=UnboundedContinuous(shape=torch.Size([hidden_size])))

    def get_agent_experience_spec(self):
        return self.env_spec

    def has_memory(self):
        return False

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        if memory:
            raise ValueError("nothing to set: the memory travels with the data")

    def reset_memory(self):
        """Rollouts that start without `carried` start from zeros."""

    def forward(self, td, state=None, action=None):
        training = action is not None
        rows, steps = td.batch_size if training else (td.batch_size[0], 1)
        over = torch.logical_or(td["dones"] > 0, td["truncateds"] > 0).reshape(rows, steps)
        flat = td.reshape(rows * steps) if training else td
        x = self.net(flat["env_obs"]).reshape(rows, steps, -1)
        if "carried" in td.keys():
            h = td["carried"].reshape(rows, steps, -1)[:, 0]
        else:
            h = torch.zeros_like(x[:, 0])
        hs = []
        for t in range(steps):
            h = self.cell(x[:, t], torch.where(over[:, t].unsqueeze(1), 0.0, h))
            hs.append(h)
        logp, value = self.heads(torch.stack(hs, 1).reshape(rows * steps, -1))
        stamp(flat, rows, steps)
        if training:
            write_training(self, flat, logp, value, action)
            return flat.reshape(rows, steps)
        write_rollout(self, flat, logp, value)
        flat["carried_next"] = h.detach()
        return flat


class Walker(Clipped, nn.Module):

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super(Walker, self).__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.env_spec = obs_spec(env)
        self.net = BagNet(env, hidden_size)
        self.lstm = make_lstm(hidden_size, hidden_size)
        self.heads = Heads(env, hidden_size)
        self.h = None
        self.c = None

    def get_agent_experience_spec(self):
        return self.env_spec

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.h is None else (self.h.detach().clone(), self.c.detach().clone())

    def set_memory(self, memory):
        self.h, self.c = (None, None) if memory is None else (memory[0].clone(), memory[1].clone())

    def reset_memory(self):
        self.h = self.c = None

    def forward(self, td, state=None, action=None):
        if action is None:
            rows, steps, flat = td.batch_size[0], 1, td
        else:
            rows, steps = td.batch_size
            flat = td.reshape(rows * steps)
        stamp(flat, rows, steps)
        x = self.net(flat["env_obs"]).reshape(rows, steps, -1)
        if self.h is None:
            start = None
        elif "dones" in td.keys():
            alive = 1 - td["dones"].reshape(1, rows, 1).float()
            start = (self.h * alive, self.c * alive)
        else:
            start = (self.h, self.c)
        x, (self.h, self.c) = self.lstm(x, start)
        logp, value = self.heads(x.reshape(rows * steps, -1))
        if action is None:
            write_rollout(self, flat, logp, value)
            return flat
        write_training(self, flat, logp, value, action)
        return flat.reshape(rows, steps)


class Sprinter(GroupMemory, Clipped, nn.Module):

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        nn.Module.__init__(self)
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.env_spec = obs_spec(env)
        self.net = BagNet(env, hidden_size)
        self.lstm = make_lstm(hidden_size, hidden_size)
        self.heads = Heads(env, hidden_size)
        self.init_memory()

    def get_agent_experience_spec(self):
        return self.env_spec

    def act(self, td):
        n = td.batch_size[0]
        stamp(td, n, 1)
        x = self.unroll(self.lstm, self.net(td["env_obs"]).unsqueeze(1), td, n, 1).squeeze(1)
        logp, value = self.heads(x)
        index = torch.multinomial(logp.exp(), 1)
        td["actions"] = self.action_index_tensor[index.squeeze(1)].int()
        td["act_log_prob"] = logp.gather(1, index).squeeze(1)
        td["value"] = value.squeeze(1)
        td["full_log_probs"] = logp
        return td

    def forward(self, td, state=None, action=None):
        if action is None:
            return self.act(td)
        rows, steps = td.batch_size
        td = td.reshape(rows * steps)
        td["bptt"] = torch.full((rows * steps,), rows, dtype=torch.long, device=action.device)
        td["batch"] = torch.full((rows * steps,), steps, dtype=torch.long, device=action.device)
        x, _ = self.lstm(self.net(td["env_obs"]).unsqueeze(1))
        logp, value = self.heads(x.squeeze(1))
        index = to_index(self, action)
        td["act_log_prob"] = -F.nll_loss(logp, index, reduction="none")
        td["entropy"] = -(logp.exp() * logp).sum(1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td.reshape(rows, steps)


def by_name(name):
    return {"reader": Reader, "scanner": Scanner, "listener": Listener, "carrier": Carrier,
            "walker": Walker, "sprinter": Sprinter}[name]
