import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from terns.parts.store import Store


class Tern(nn.Module):
    """What all terns have: the config, the action tables, the store, the clipping."""

    store: Store

    def __init__(self, env, *, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__()
        self._tokens = env.single_observation_space.shape
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    @property
    def num_actions(self) -> int:
        return self.action_index_tensor.shape[0]

    def joint(self, action: Tensor) -> Tensor:
        kind = action[..., 0].long()
        return self.cum_action_max_params[kind] + kind + action[..., 1].long()

    @staticmethod
    def stamp(td: TensorDict, steps: int, rows: int) -> None:
        blank = torch.empty(steps * rows, dtype=torch.int64, device=td["env_obs"].device)
        td["bptt"], td["batch"] = torch.full_like(blank, steps), torch.full_like(blank, rows)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[str, Tensor]:
        return self.store.snapshot()

    def set_memory(self, memory: dict[str, Tensor]) -> None:
        self.store.restore(memory)

    def reset_memory(self) -> None:
        self.store.clear()

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.data.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(
            env_obs=UnboundedDiscrete(shape=self._tokens, dtype=torch.uint8),
            dones=UnboundedContinuous(shape=()),
            truncateds=UnboundedContinuous(shape=()),
        )
