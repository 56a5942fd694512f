"""A field whose layers a YAML file names."""

import importlib

from torch import nn

from .plow import Split


def part(entry, env):
    module, name = entry["_target_"].rsplit(".", 1)
    options = {key: value for key, value in entry.items() if not key.startswith("_")}
    return getattr(importlib.import_module(module), name)(env=env, **options)


class GraphField(Split):
    """`_core_` says how large the core is; what `_core_` reads comes before it, the rest behind."""

    def __init__(self, env, components, **options):
        size = components["_core_"]
        super().__init__(env, hidden_size=size["hidden_size"], num_layers=size["num_layers"], **options)
        del self.net, self.kind, self.spot, self.actor, self.critic, self.action_table
        self.parts = nn.ModuleDict({name: part(entry, env) for name, entry in components.items()})
        self.core = self.parts["_core_"].lstm
        lost = {source for p in self.parts.values() for source in p.reads} - set(self.parts)
        if lost:
            raise KeyError(f"sources that are no components: {sorted(lost)}")
        self.remember_first()

    def compute(self, name, known, observations=None):
        if name not in known:
            here = self.parts[name]
            inputs = [self.compute(source, known, observations) for source in here.reads]
            known[name] = here(*inputs) if inputs else here(observations)
        return known[name]

    def encode(self, observations):
        (source,) = self.parts["_core_"].reads
        return self.compute(source, {}, observations)

    def decide(self, hidden):
        known = {"_core_": hidden}
        scores = self.compute("_action_", known)[:, : self.actions]
        return scores.log_softmax(-1), self.compute("_value_", known).squeeze(-1)
