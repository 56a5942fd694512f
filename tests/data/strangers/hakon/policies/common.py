"""Mixins and functions; every policy writes a forward of its own with them."""
import torch
import torch.nn as nn


def fold(td):
    """(flat td, B, T); the stamps are written on the way."""
    if td.batch_dims == 2:
        B, T = td.batch_size
        td = td.reshape(B * T)
    else:
        B, T = td.batch_size[0], 1
    ones = torch.ones(B * T, dtype=torch.int64, device=td["env_obs"].device)
    td["bptt"] = ones * T
    td["batch"] = ones * B
    return td, B, T


def start_core(core):
    for name, weight in core.named_parameters():
        if name.startswith("weight_"):
            nn.init.orthogonal_(weight, 1.0)
        elif name.startswith("bias_"):
            nn.init.constant_(weight, 1.0)
    return core


def scales_of(env):
    table = torch.ones(256)
    for i, norm in env.feature_normalizations.items():
        table[i] = norm if norm else 1.0
    return table


def count_actions(env):
    return sum(most + 1 for most in env.max_action_args)


class Kept(object):
    """Keeps (h, c) of a core by the number of the environment."""

    def keep(self, layers, size, room=4096):
        self.register_buffer("kept", torch.zeros(2, layers, room, size), persistent=False)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.kept.detach().clone()

    def set_memory(self, memory):
        self.kept[...] = memory

    def reset_memory(self):
        self.kept.fill_(0)

    def __getstate__(self):
        state = self.__dict__.copy()
        buffers = state["_buffers"].copy()
        buffers["kept"] = torch.zeros_like(buffers["kept"])
        state["_buffers"] = buffers
        return state

    def seats(self, td, B):
        first = td.get("training_env_id_start", None)
        seats = torch.arange(B, device=self.kept.device)
        return seats if first is None else seats + first.reshape(-1)[0]

    def recall(self, td, B):
        h, c = self.kept[:, :, self.seats(td, B)]
        for key in ("dones", "truncateds"):
            over = td.get(key, None)
            if over is not None:
                stays = (over.reshape(1, B, 1) == 0).to(h.dtype)
                h = h * stays
                c = c * stays
        return h.contiguous(), c.contiguous()

    def retain(self, td, B, h, c):
        self.kept[0][:, self.seats(td, B)] = h.detach()
        self.kept[1][:, self.seats(td, B)] = c.detach()

    def remember(self, td, x, B, T, acting):
        x = x.reshape(B, T, -1).transpose(0, 1)
        if acting:
            y, (h, c) = self.lstm(x, self.recall(td, B))
            self.retain(td, B, h, c)
        else:
            y, _ = self.lstm(x)
        return y.transpose(0, 1).reshape(B * T, -1)


class Bounded(object):
    """Weights of linear and convolutional layers, bounded and drawn back."""

    LAYERS = (nn.Linear, nn.Conv2d)

    def mark(self):
        self.first = [m.weight.detach().clone() for m in self.modules() if isinstance(m, self.LAYERS)]

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, self.LAYERS):
                    m.weight.data.clamp_(min=-self.clip_range, max=self.clip_range)

    def l2_init_loss(self):
        now = [m.weight for m in self.modules() if isinstance(m, self.LAYERS)]
        return sum(((w - f.to(w.device)) ** 2).sum() for w, f in zip(now, self.first))


class Acting(object):
    def _convert_action_to_logit_index(self, pairs):
        pairs = pairs.reshape(-1, 2).long()
        kind, argument = pairs[:, 0], pairs[:, 1]
        return self.cum_action_max_params[kind] + kind + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def answer(self, td, logits, value, action):
        logp = torch.log_softmax(logits, dim=-1)
        td["full_log_probs"] = logp
        if action is None:
            index = torch.multinomial(logp.exp(), 1).squeeze(1)
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["values"] = value.squeeze(-1)
        else:
            index = self._convert_action_to_logit_index(action)
            td["entropy"] = -(logp * logp.exp()).sum(-1)
            td["value"] = value.squeeze(-1)
        td["act_log_prob"] = logp.gather(1, index.unsqueeze(1)).squeeze(1)
