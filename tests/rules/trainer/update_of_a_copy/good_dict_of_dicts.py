import torch
from tensordict import TensorDict

STATS: dict[str, dict] = {"train": {}, "eval": {}}


def log(name: str, data: TensorDict) -> None:
    STATS[name].update({"reward": float(data["rewards"].mean())})


def schedule(groups: list[dict], rate: torch.Tensor) -> None:
    groups[0].update(lr=rate)
