import hydra
import torch
import torch.nn as nn
from tensordict import TensorDict


class GraphAgent(nn.Module):
    """Builds the components of a config and runs them in order."""

    def __init__(self, env, components, clip_range=0.0, analyze_weights_interval=300, observations=None):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        shared = dict(
            clip_range=clip_range,
            feature_normalizations=env.feature_normalizations,
            obs_width=env.obs_width,
            obs_height=env.obs_height,
        )
        self.components = nn.ModuleDict(
            {n: hydra.utils.instantiate({"name": n, **shared, **c}) for n, c in components.items()}
        )
        self.order = []
        for root in ("_value_", "_action_"):
            self._visit(root)

    def _visit(self, name):
        if name in self.order:
            return
        component = self.components[name]
        sources = [s["name"] for s in component._sources]
        for source in sources:
            self._visit(source)
        component.setup([self.components[s] for s in sources])
        self.order.append(name)

    def memories(self):
        return {n: c for n, c in self.components.items() if hasattr(c, "has_memory") and c.has_memory()}

    def has_memory(self):
        return bool(self.memories())

    def get_memory(self):
        return {n: c.get_memory() for n, c in self.memories().items()}

    def set_memory(self, memory):
        for n, m in memory.items():
            self.components[n].set_memory(m)

    def reset_memory(self):
        for c in self.memories().values():
            c.reset_memory()

    def clip_weights(self):
        for c in self.components.values():
            c.clip_weights()

    def l2_init_loss(self):
        return sum(c.l2_init_loss() for c in self.components.values())

    def forward(self, td: TensorDict, state=None, action=None):
        sizes = td.batch_size
        td = td.reshape(-1) if len(sizes) > 1 else td
        td.meta_steps = sizes[1] if len(sizes) > 1 else 1
        n, device = td.batch_size[0], td["env_obs"].device
        td["bptt"] = torch.full((n,), td.meta_steps, dtype=torch.int64, device=device)
        td["batch"] = torch.full((n,), sizes[0], dtype=torch.int64, device=device)
        for name in self.order:
            self.components[name](td)
        logp = torch.log_softmax(td["_action_"][:, : self.action_index_tensor.shape[0]], -1)
        if action is None:
            pick = torch.multinomial(logp.exp(), 1)
            td["actions"] = self.action_index_tensor[pick[:, 0]].to(torch.int32)
            td["act_log_prob"] = logp.gather(1, pick)[:, 0]
            td["values"] = td["_value_"][:, 0]
            td["full_log_probs"] = logp
            return td
        action = action.reshape(n, 2).long()
        pick = (action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1])[:, None]
        td["act_log_prob"] = logp.gather(1, pick)[:, 0]
        td["entropy"] = -(logp.exp() * logp).sum(-1)
        td["value"] = td["_value_"]
        td["full_log_probs"] = logp
        return td.reshape(sizes)
