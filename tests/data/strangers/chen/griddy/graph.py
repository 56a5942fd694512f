"""A policy that is made of the components of a config."""

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from tensordict import TensorDict
from torch import nn

from griddy.torch_agents.actions import ActionMixin


class Graph(ActionMixin, nn.Module):
    def __init__(self, env, cfg: DictConfig):
        super().__init__()
        shared = {
            "clip_range": cfg.clip_range,
            "obs_width": env.obs_width,
            "obs_height": env.obs_height,
            "feature_normalizations": env.feature_normalizations,
        }
        self.components = nn.ModuleDict(
            {name: instantiate(options, name=name, **shared) for name, options in cfg.components.items()}
        )
        self.order: list[str] = []
        for head in ("_value_", "_action_"):
            self._setup(head)
        if unread := set(self.components) - set(self.order):
            raise RuntimeError(f"nothing reads from {sorted(unread)}")

    def _setup(self, name: str) -> None:
        if name in self.order:
            return
        component = self.components[name]
        for source in component.source_names:
            self._setup(source)
        component.setup([self.components[source].shape for source in component.source_names])
        self.order.append(name)

    @property
    def core(self) -> nn.Module:
        return self.components["_core_"]

    def has_memory(self) -> bool:
        return self.core.has_memory()

    def get_memory(self):
        return self.core.get_memory()

    def set_memory(self, memory) -> None:
        self.core.set_memory(memory)

    def reset_memory(self) -> None:
        self.core.reset_memory()

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        batch, steps = (td.batch_size[0], 1) if td.batch_dims == 1 else td.batch_size
        if td.batch_dims > 1:
            td = td.reshape(batch * steps)
        device = td["env_obs"].device
        td["bptt"] = torch.full((batch * steps,), steps, dtype=torch.long, device=device)
        td["batch"] = torch.full((batch * steps,), batch, dtype=torch.long, device=device)
        self.core.steps = steps
        for name in self.order:
            self.components[name](td)
        if action is None:
            return self.act(td, td["_action_"], td["_value_"])
        return self.judge(td, action, td["_action_"], td["_value_"]).reshape(batch, steps)

    def clip_weights(self) -> None:
        for component in self.components.values():
            if hasattr(component, "clip_weights"):
                component.clip_weights()

    def l2_init_loss(self) -> torch.Tensor:
        terms = [c.l2_init_loss() for c in self.components.values() if hasattr(c, "l2_init_loss")]
        return torch.stack(terms).sum()
