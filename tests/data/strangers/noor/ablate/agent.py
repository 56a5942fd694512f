"""The full agent. Each step of its forward is a method, so that an ablation replaces one of them."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


class GridMemoryAgent(nn.Module):
    """Box encoder, two-layer LSTM, bilinear action head."""

    def __init__(
        self,
        env,
        hidden_size=128,
        num_layers=2,
        residual=True,
        max_envs=4096,
        clip_range=0.0,
        analyze_weights_interval=300,
        **unknown,
    ):
        super().__init__()
        if unknown:
            raise TypeError(f"options that no agent has: {', '.join(sorted(unknown))}")
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.residual = residual
        self.max_envs = max_envs
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

        self.width, self.height = env.obs_width, env.obs_height
        self.features = max(env.feature_normalizations) + 1
        norms = [float(env.feature_normalizations.get(i, 1.0)) for i in range(self.features)]
        self.register_buffer("norms", torch.tensor(norms).view(1, -1, 1, 1))

        self.trunk = self.make_trunk()
        self.core = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        for name, weight in self.core.named_parameters():
            if name.startswith("bias"):
                nn.init.ones_(weight)
            else:
                nn.init.orthogonal_(weight)

        self.query = nn.Linear(hidden_size, 16)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))
        self.action_embeddings = nn.Embedding(100, 16)
        nn.init.orthogonal_(self.action_embeddings.weight)
        with torch.no_grad():
            self.action_embeddings.weight.mul_(0.1 / self.action_embeddings.weight.abs().max())
        self.active_actions = 100
        self._h = None
        self._c = None

    def make_trunk(self):
        # What the two convolutions leave of the box.
        wide, high = ((side - 5) // 3 - 1 for side in (self.width, self.height))
        return nn.Sequential(
            nn.Conv2d(self.features, 64, 5, stride=3),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * wide * high, self.hidden_size),
            nn.ReLU(),
        )

    def activate_action_embeddings(self, full_action_names, device):
        self.active_actions = len(full_action_names)

    # -- forward, in steps

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td.batch_size[0]
        steps = td.batch_size[1] if td.batch_dims > 1 else 1
        flat = td.reshape(rows * steps) if td.batch_dims > 1 else td
        self.stamp(flat, rows, steps)

        encoded = self.encode(flat["env_obs"])
        sequence = encoded.view(rows, steps, -1).transpose(0, 1)
        remembered = self.remember(flat, sequence, rollout=action is None)
        hidden = remembered.transpose(0, 1).reshape(rows * steps, -1)
        if self.residual:
            hidden = hidden + encoded

        logits, value = self.decode(hidden)
        log_probs = F.log_softmax(logits, dim=-1)
        if action is None:
            self.act(flat, log_probs, value)
        else:
            self.evaluate(flat, log_probs, value, action.reshape(rows * steps, -1))
        return flat.reshape(rows, steps) if td.batch_dims > 1 else flat

    def stamp(self, flat, rows, steps):
        device = flat["env_obs"].device
        flat["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=device)
        flat["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=device)

    def encode(self, tokens):
        place, attribute, value = tokens.long().unbind(-1)
        x, y = place >> 4, place & 15
        known = (place != 255) & (x < self.width) & (y < self.height) & (attribute < self.features)
        cells = self.features * self.width * self.height
        # Rejected tokens go to a cell behind the last one.
        index = torch.where(known, (attribute * self.width + x) * self.height + y, cells)
        box = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device)
        box.scatter_(1, index, value.float())
        box = box[:, :cells].view(-1, self.features, self.width, self.height)
        return self.trunk(box / self.norms)

    def remember(self, flat, sequence, rollout):
        if not rollout:
            out, _ = self.core(sequence)
            return out
        if self._h is None:
            self._h = sequence.new_zeros(self.num_layers, self.max_envs, self.hidden_size)
            self._c = torch.zeros_like(self._h)
        envs = self.envs_of(flat)
        ended = (flat["dones"].bool() | flat["truncateds"].bool()).view(1, -1, 1)
        h = self._h[:, envs].masked_fill(ended, 0.0)
        c = self._c[:, envs].masked_fill(ended, 0.0)
        out, (h, c) = self.core(sequence, (h, c))
        self._h[:, envs] = h.detach()
        self._c[:, envs] = c.detach()
        return out

    @staticmethod
    def envs_of(flat):
        start = flat["training_env_id_start"].view(-1)
        return start + torch.arange(start.shape[0], device=start.device)

    def decode(self, hidden):
        wanted = torch.tanh(self.query(hidden))
        logits = wanted @ self.action_embeddings.weight[: self.active_actions].T
        return logits, self.critic(hidden)

    def act(self, flat, log_probs, value):
        chosen = torch.multinomial(log_probs.exp(), 1)
        flat["actions"] = self.action_index_tensor[chosen.squeeze(-1)].to(torch.int32)
        flat["act_log_prob"] = log_probs.gather(-1, chosen).squeeze(-1)
        flat["values"] = value.squeeze(-1)
        flat["full_log_probs"] = log_probs

    def evaluate(self, flat, log_probs, value, action):
        index = self.joint_index(action)
        flat["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs

    def joint_index(self, action):
        kind, argument = action.long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    # -- memory

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self._h is None else (self._h.clone(), self._c.clone())

    def set_memory(self, memory):
        self._h, self._c = (None, None) if memory is None else (part.clone() for part in memory)

    def reset_memory(self):
        self._h = self._c = None

    def __getstate__(self):
        return {**self.__dict__, "_h": None, "_c": None}

    # -- weights

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.weight.clamp_(-self.clip_range, self.clip_range)
