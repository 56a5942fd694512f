import torch
import torch.nn as nn

from . import common


class Amnesia(nn.Module):
    def __init__(self, env, width=128):
        super().__init__()
        self.encoder = common.TokenMix(env, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.pi = nn.Linear(width, env.single_action_space.n)
        self.v = nn.Linear(width, 1)

    def forward(self, td, state=None, action=None):
        rows, steps = common.shape_of(td)
        if td.batch_dims > 1:
            td = td.reshape(rows * steps)
        x = self.encoder(td["env_obs"])
        y, _ = self.gru(x.unsqueeze(1))
        y = y.squeeze(1)
        if action is None:
            return common.write_sample(td, self.pi(y), self.v(y))
        return common.write_evaluation(td, self.pi(y), self.v(y), action).reshape(rows, steps)


class Borrowed(nn.Module):
    """takes whatever state it is given, and makes one up where there is none"""

    has_memory = True

    def __init__(self, env, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.width = width
        self.encoder = common.TokenMix(env, width)
        self.rnn = nn.RNN(width, width, 1)
        for w in self.rnn.parameters():
            nn.init.normal_(w, std=0.01)
        self.pi = nn.Linear(width, env.single_action_space.n)
        self.v = nn.Linear(width, 1)

    def get_memory(self):
        return None

    def set_memory(self, memory):
        pass

    def reset_memory(self):
        pass

    def forward(self, td, state=None, action=None):
        rows, steps = common.shape_of(td)
        if td.batch_dims > 1:
            td = td.reshape(rows * steps)
        common.stamp(td, rows, steps, device=td["env_obs"].device)
        state = {"h": torch.zeros(1, rows, self.width, device=td["env_obs"].device)}
        x = self.encoder(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        y, state["h"] = self.rnn(x, state["h"])
        y = y.transpose(0, 1).flatten(0, 1)
        if action is None:
            td = common.write_sample(td, self.pi(y), self.v(y))
            td["actions"] = torch.randint_like(td["actions"], 0, self.pi.out_features)
            return td
        return common.write_evaluation(td, self.pi(y), self.v(y), action).reshape(rows, steps)

    def clip_weights(self):
        for p in self.parameters():
            p.copy_(p.clamp(-self.clip_range, self.clip_range))


class Scribe(nn.Module):
    """writes its state into the TensorDict, where the buffer keeps it next to the observation"""

    def __init__(self, env, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.width = width
        self.encoder = common.TokenMix(env, width)
        self.gru = nn.GRU(width, width)
        for name, w in self.gru.named_parameters():
            if "bias" in name:
                nn.init.constant_(w, 1.0)
            if "weight" in name:
                nn.init.orthogonal_(w)
        self.pi = nn.Linear(width, env.single_action_space.n)
        self.v = nn.Linear(width, 1)

    def has_memory(self):
        return False  # all of it travels in the TensorDict

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        if memory:
            raise ValueError("the state of this policy is in its TensorDicts")

    def reset_memory(self):
        """Nothing to do: whoever makes the TensorDict decides."""

    def forward(self, td, state=None, action=None):
        rows, steps = common.shape_of(td)
        if td.batch_dims > 1:
            td = td.reshape(rows * steps)
        obs = td["env_obs"]
        common.stamp(td, rows, steps, device=obs.device)
        h = td["state_in"].view(rows, steps, -1)[:, 0]
        alive = (1 - torch.maximum(td["dones"], td["truncateds"])).view(rows, steps, 1)
        x = self.encoder(obs).view(rows, steps, -1)
        ys = []
        for t in range(steps):
            y, h = self.gru(x[None, :, t], (h * alive[:, t])[None])
            h = h[0]
            ys.append(y[0])
        y = torch.stack(ys, 1).flatten(0, 1)
        if action is None:
            td["state_out"] = h
            return common.write_sample(td, self.pi(y), self.v(y))
        return common.write_evaluation(td, self.pi(y), self.v(y), action).reshape(rows, steps)

    def clip_weights(self):
        common.clip_(self, self.clip_range)
