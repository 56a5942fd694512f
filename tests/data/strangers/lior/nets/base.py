import torch
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from nets.layers import action_lookup
from nets.scopes import name_scope


class Model(nn.Module):
    """Keras-like: parameters in a dict, layers in `build`, computation in `call`."""

    DEFAULTS = {}

    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300, **params):
        super().__init__()
        unknown = sorted(set(params) - set(self.DEFAULTS))
        if unknown:
            raise ValueError(f"{type(self).__name__} has no parameters {unknown}")
        self.params = {**self.DEFAULTS, **params}
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = tuple(env.single_observation_space.shape)
        lookup, maxima = action_lookup(env)
        self.register_buffer("lookup", lookup, persistent=False)
        self.register_buffer("maxima", maxima, persistent=False)
        self.build(env)

    def build(self, env):
        raise NotImplementedError

    def call(self, flat, batch, time, training):
        """(logits [batch * time, actions], value [batch * time, 1])"""
        raise NotImplementedError

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8),
            dones=UnboundedContinuous(shape=(), dtype=torch.float32),
            truncateds=UnboundedContinuous(shape=(), dtype=torch.float32),
        )

    def stamps(self, batch, time, device):
        ones = torch.ones(batch * time, dtype=torch.int64, device=device)
        return {"bptt": ones * time, "batch": ones * batch}

    def sample(self, log_probs, value):
        index = torch.multinomial(log_probs.exp(), 1)
        return {
            "actions": self.lookup[index[:, 0]],
            "act_log_prob": log_probs.gather(1, index)[:, 0],
            "values": value[:, 0],
            "full_log_probs": log_probs,
        }

    def evaluate(self, log_probs, value, action):
        kind, argument = action.long().unbind(-1)
        index = kind + self.maxima[kind] + argument
        return {
            "act_log_prob": log_probs.gather(1, index[:, None])[:, 0],
            "entropy": -torch.sum(log_probs.exp() * log_probs, dim=-1),
            "value": value,
            "full_log_probs": log_probs,
        }

    def forward(self, td, state=None, action=None):
        training = action is not None
        batch, time = (td.batch_size[0], td.batch_size[1]) if training else (td.batch_size[0], 1)
        flat = td.reshape(batch * time) if training else td
        flat.update(self.stamps(batch, time, flat["env_obs"].device))
        with name_scope(type(self).__name__):
            logits, value = self.call(flat, batch, time, training)
            log_probs = torch.log_softmax(logits, dim=-1)
        if not training:
            return flat.update(self.sample(log_probs, value))
        flat.update(self.evaluate(log_probs, value, action.reshape(batch * time, -1)))
        return flat.reshape(batch, time)


class RecurrentModel(Model):
    """Adds a carry: one column of hidden and cell state for each environment."""

    def build_carry(self, layers, units, slots):
        self.register_buffer("carry_h", torch.zeros(layers, slots, units), persistent=False)
        self.register_buffer("carry_c", torch.zeros(layers, slots, units), persistent=False)

    def has_memory(self):
        return True

    def get_memory(self):
        return {"h": self.carry_h.clone(), "c": self.carry_c.clone()}

    def set_memory(self, memory):
        self.carry_h = memory["h"].clone()
        self.carry_c = memory["c"].clone()

    def reset_memory(self):
        self.carry_h = torch.zeros_like(self.carry_h)
        self.carry_c = torch.zeros_like(self.carry_c)

    def __getstate__(self):
        state = dict(self.__dict__)
        buffers = dict(state["_buffers"])
        for name in ("carry_h", "carry_c"):
            buffers[name] = torch.zeros_like(buffers[name])
        return {**state, "_buffers": buffers}

    def slots(self, flat, batch):
        first = flat.get("training_env_id_start", None)
        offsets = torch.arange(batch, device=flat["env_obs"].device)
        return offsets if first is None else first.long() + offsets

    def read_carry(self, slots):
        return self.carry_h[:, slots], self.carry_c[:, slots]

    def write_carry(self, slots, h, c):
        self.carry_h = self.carry_h.index_copy(1, slots, h.detach())
        self.carry_c = self.carry_c.index_copy(1, slots, c.detach())

    def begins(self, flat, batch, time):
        """[batch, time] bool"""
        ended = torch.logical_or(flat["dones"].bool(), flat["truncateds"].bool())
        return ended.view(batch, time)

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range:
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    parameter.copy_(parameter.clamp(-self.clip_range, self.clip_range))
