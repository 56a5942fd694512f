import importlib

import torch
from torch import nn

from squad.parts import Core, Frame, Scores


def locate(target):
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


class GraphPolicy(nn.Module):
    """Components, run from `_value_` and `_action_` back to the observation."""

    def __init__(self, env, components, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.parts = nn.ModuleDict()
        self.shapes = {}
        for name, options in components.items():
            options = dict(options)
            self.parts[name] = locate(options.pop("_target_"))(name, env, **options)
        for name in ("_value_", "_action_"):
            self._build(name)
        idle = set(self.parts) - set(self.shapes)
        if idle:
            raise ValueError(f"nothing reads {sorted(idle)}")

    def _build(self, name):
        if name not in self.shapes:
            part = self.parts[name]
            for source in part.sources:
                self._build(source)
            self.shapes[name] = part.build([self.shapes[source] for source in part.sources])

    def _run(self, name, frame):
        if name not in frame.out:
            for source in self.parts[name].sources:
                self._run(source, frame)
            frame.out[name] = self.parts[name](frame)
        return frame.out[name]

    def forward(self, td, state=None, action=None):
        if action is None:
            rows, steps = td.batch_size[0], 1
        else:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
        for key, number in (("bptt", steps), ("batch", rows)):
            td[key] = torch.full((rows * steps,), number, dtype=torch.int64, device=td["env_obs"].device)
        frame = Frame(td, rows, steps, action is not None)
        value = self._run("_value_", frame)
        log_probs = torch.log_softmax(self._run("_action_", frame), dim=-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["act_log_prob"] = log_probs.gather(1, index).view(-1)
            td["actions"] = self._convert_logit_index_to_action(index.view(-1))
            td["values"] = value.view(-1)
            return td
        index = self._convert_action_to_logit_index(action.reshape(rows * steps, 2))
        td["act_log_prob"] = log_probs.gather(1, index.view(-1, 1)).view(-1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(1)
        td["value"] = value
        return td.reshape(rows, steps)

    def _convert_action_to_logit_index(self, action):
        types = action[:, 0].long()
        return types + self.cum_action_max_params[types] + action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].to(torch.int32)

    def activate_action_embeddings(self, names, device):
        for part in self.parts.values():
            if isinstance(part, Scores):
                part.actions = len(names)

    def _cores(self):
        return {name: part for name, part in self.parts.items() if isinstance(part, Core)}

    def has_memory(self):
        return bool(self._cores())

    def get_memory(self):
        return {name: (core.h.clone(), core.c.clone()) for name, core in self._cores().items()}

    def set_memory(self, memory):
        for name, core in self._cores().items():
            core.h.copy_(memory[name][0])
            core.c.copy_(memory[name][1])

    def reset_memory(self):
        for core in self._cores().values():
            core.h.zero_()
            core.c.zero_()

    def clip_weights(self):
        if self.clip_range > 0:
            for part in self.parts.values():
                part.clip_weights(self.clip_range)

    def l2_init_loss(self):
        return sum(part.l2_init_loss() for part in self.parts.values())
