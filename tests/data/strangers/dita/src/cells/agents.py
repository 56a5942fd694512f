import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .sets import DeepSet, MeanSet
from .settings import AgentSettings, Step


def orthogonal(core):
    """Orthogonal weights, biases of one; returns the core."""
    for name, parameter in core.named_parameters():
        (nn.init.ones_ if "bias" in name else nn.init.orthogonal_)(parameter)
    return core


class Joint:
    """(type, argument) pairs and joint indices, by the trainer's tables."""

    def to_index(self, pairs):
        types = pairs[..., 0].long()
        return types + self.cum_action_max_params[types] + pairs[..., 1].long()

    def to_pairs(self, index):
        return self.action_index_tensor[index].to(torch.int32)


class CellAgent(Joint, nn.Module):
    """Steps an LSTMCell through time, zeroing it wherever an episode begins."""

    def __init__(self, env, settings: AgentSettings = AgentSettings()):
        super().__init__()
        self.settings = settings
        width = settings.width
        self.encoder = DeepSet(env, width)
        self.cell = orthogonal(nn.LSTMCell(width, width))
        self.dropout = nn.Dropout(settings.dropout)
        self.policy = nn.Linear(width, sum(m + 1 for m in env.max_action_args))
        self.value = nn.Linear(width, 1)
        self.groups = {}

    has_memory = property(lambda self: True)

    def get_memory(self):
        return {group: tuple(part.clone() for part in state) for group, state in self.groups.items()}

    def set_memory(self, memory):
        self.groups = {group: tuple(state) for group, state in memory.items()}

    def reset_memory(self):
        self.groups = {}

    def __getstate__(self):
        return {**self.__dict__, "groups": {}}

    @torch.compiler.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        shape = td.batch_size
        rows, steps = shape[0], shape[1] if len(shape) > 1 else 1
        flat = td.reshape(-1) if len(shape) > 1 else td
        device = flat["env_obs"].device
        flat["bptt"] = torch.full((rows * steps,), steps, device=device)
        flat["batch"] = torch.full((rows * steps,), rows, device=device)

        begins = self.beginnings(flat).view(rows, steps)
        x = self.encoder(flat["env_obs"]).view(rows, steps, -1)
        group = self.group(flat)
        h, c = self.groups.get(group, (x.new_zeros(rows, x.shape[-1]),) * 2)
        hs = []
        for t in range(steps):
            fresh = begins[:, t, None]
            h, c = self.cell(x[:, t], (h.masked_fill(fresh, 0.0), c.masked_fill(fresh, 0.0)))
            hs.append(h)
        self.groups[group] = (h.detach(), c.detach())
        y = self.dropout(torch.stack(hs, dim=1).view(rows * steps, -1))
        step = Step(F.log_softmax(self.policy(y), dim=-1), self.value(y))
        return self.act(flat, step) if action is None else self.judge(flat, step, action).view(rows, steps)

    def beginnings(self, td):
        marks = torch.zeros(td.batch_size, dtype=torch.bool, device=td["env_obs"].device)
        for key in ("dones", "truncateds"):
            if key in td.keys():
                marks |= td[key].bool()
        return marks

    def group(self, td):
        return td["training_env_id_start"][0].item() if "training_env_id_start" in td.keys() else 0

    def act(self, td, step):
        index = torch.multinomial(step.log_probs.exp(), 1)
        td["actions"] = self.to_pairs(index.squeeze(1))
        td["act_log_prob"] = step.log_probs.gather(1, index).squeeze(1)
        td["values"] = step.value.squeeze(1)
        td["full_log_probs"] = step.log_probs
        return td

    def judge(self, td, step, action):
        index = self.to_index(action.reshape(-1, 2)).unsqueeze(1)
        td["act_log_prob"] = step.log_probs.gather(1, index).squeeze(1)
        td["entropy"] = -(step.log_probs.exp() * step.log_probs).sum(1)
        td["value"] = step.value
        td["full_log_probs"] = step.log_probs
        return td

    def clip_weights(self):
        bound = self.settings.clip_range
        if bound > 0:
            with torch.no_grad():
                for layer in (self.policy, self.value, *self.encoder.phi, *self.encoder.rho):
                    if isinstance(layer, nn.Linear):
                        layer.weight.clamp_(-bound, bound)


class CellSketch(Joint, nn.Module):
    """The notebook version of CellAgent."""

    def __init__(self, env, settings: AgentSettings = AgentSettings()):
        super().__init__()
        self.settings = settings
        self.encoder = MeanSet(settings.width)
        self.cell = nn.LSTMCell(settings.width, settings.width)
        self.policy = nn.Linear(settings.width, sum(m + 1 for m in env.max_action_args))
        self.value = nn.Linear(settings.width, 1)
        self.state = None

    def get_memory(self):
        return self.state

    def set_memory(self, memory):
        self.state = memory

    def reset_memory(self):
        self.state = None

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows = td.batch_size[0]
        steps = td.batch_size[1] if td.batch_dims == 2 else 1
        td = td.reshape(rows * steps)
        td["batch"] = torch.full((rows * steps,), rows, device=td["env_obs"].device)
        x = self.encoder(td["env_obs"]).view(rows, steps, -1)
        if self.state is None:
            self.state = (torch.zeros(rows, x.shape[-1]), torch.zeros(rows, x.shape[-1]))
        h, c = self.state
        hs = []
        for t in range(steps):
            h, c = self.cell(x[:, t], (h, c))
            hs.append(h)
        self.state = (h, c)
        y = torch.stack(hs, 1).view(rows * steps, -1)
        log_probs = F.log_softmax(self.policy(y), dim=-1)
        td["full_log_probs"] = log_probs
        td["values"] = self.value(y).squeeze(1)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.to_pairs(index.squeeze(1))
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            return td
        td["act_log_prob"] = log_probs.mean(dim=-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(1)
        return td.view(rows, steps)

    def clip_weights(self):
        bound = self.settings.clip_range
        if bound > 0:
            for weight in self.parameters():
                weight.clamp_(-bound, bound)


class GruSet(Joint, nn.Module):
    """A GRUCell whose state is kept outside of the flags' reach until it is asked for."""

    def __init__(self, env, settings: AgentSettings = AgentSettings(), environments: int = 4096):
        super().__init__()
        self.settings = settings
        self.encoder = DeepSet(env, settings.width)
        self.cell = orthogonal(nn.GRUCell(settings.width, settings.width))
        self.policy = nn.Linear(settings.width, sum(m + 1 for m in env.max_action_args))
        self.value = nn.Linear(settings.width, 1)
        self.register_buffer("kept", torch.zeros(environments, settings.width), persistent=False)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.kept.clone()

    def set_memory(self, memory):
        self.kept.copy_(memory)

    def reset_memory(self):
        self.kept.zero_()

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = {**state["_buffers"], "kept": torch.zeros_like(self.kept)}
        return state

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows = td.batch_size[0]
        if action is None:
            steps, flat = 1, td
        else:
            steps = td.batch_size[1]
            flat = td.reshape(rows * steps)
        obs = flat["env_obs"]
        flat.update(self.stamps(rows, steps, obs.device))
        x = self.encoder(obs)
        if action is None:
            here = torch.arange(rows, device=obs.device) + flat["training_env_id_start"]
            ended = torch.logical_or(flat["dones"].bool(), flat["truncateds"].bool())
            h = torch.where(ended[:, None], torch.zeros_like(x), self.kept[here])
            y = self.cell(x, h)
            self.kept[here] = y.detach()
        else:
            y = self.unrolled(x.view(rows, steps, -1)).flatten(0, 1)
        log_probs = F.log_softmax(self.policy(y), dim=-1)
        value = self.value(y)
        flat["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            flat["actions"] = self.to_pairs(index.squeeze(1))
            flat["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            flat["values"] = value.squeeze(1)
            return flat
        index = self.to_index(action.reshape(-1, 2)).unsqueeze(1)
        flat["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(1)
        flat["value"] = value
        return flat.view(rows, steps)

    def unrolled(self, x):
        h = torch.zeros_like(x[:, 0])
        return torch.stack([h := self.cell(x_t, h) for x_t in x.unbind(1)], dim=1)

    @staticmethod
    def stamps(rows, steps, device):
        return {
            "bptt": torch.full((rows * steps,), steps, dtype=torch.long, device=device),
            "batch": torch.full((rows * steps,), rows, dtype=torch.long, device=device),
        }

    @torch.no_grad()
    def clip_weights(self):
        if bound := self.settings.clip_range:
            for layer in filter(lambda m: isinstance(m, nn.Linear), self.modules()):
                layer.weight.clamp_(-bound, bound)
