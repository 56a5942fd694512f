"""Checkpoints of a run: load one, and training goes on as if it had never stopped."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from ..distributed import unwrap
from .trainer import Trainer

FORMAT = 1


def save_checkpoint(trainer: Trainer, path: str | Path) -> None:
    """Write everything that the next update depends on to `path`; to be called between two updates.

    That is: weights and buffers of the policy, optimizer, counters, the policy's memory, random generators,
    the environment where it has a `state_dict()`, and the names of the features that the agent knows. With
    several ranks all must call it; rank 0 writes, the parts that differ from rank to rank included.

    The file holds tensors and plain containers only, and appears at once, whole.
    """
    own = {
        "memory": trainer.memory,
        "ended": trainer.ended,
        "random": _random_state(trainer.device),
        "environment": _state_of(trainer.env),
    }
    ranks: list[Any] = [own]
    if _world() > 1:
        ranks = [None] * _world()
        dist.all_gather_object(ranks, own)
    if _rank() == 0:
        agent = unwrap(trainer.policy)
        mapping = getattr(agent, "get_original_feature_mapping", lambda: None)()
        content = {
            "format": FORMAT,
            "policy": agent.state_dict(),
            "original_feature_mapping": mapping,
            "optimizer": trainer.optimizer.state_dict(),
            "updates": trainer.updates,
            "steps": trainer.steps,
            "ranks": ranks,
        }
        path = Path(path)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        torch.save(content, unfinished)
        unfinished.replace(path)
    if _world() > 1:
        dist.barrier()


def load_checkpoint(trainer: Trainer, path: str | Path) -> None:
    """Bring `trainer` to where the one stood that wrote `path`.

    `trainer` has the same config, a policy of the same architecture and an environment of the same sizes. An
    environment without `load_state_dict()` begins new episodes, and the policy's memory with them.

    Raises OSError for a file that cannot be read; ValueError for one that is no such checkpoint, of another
    number of ranks, or of another policy.
    """
    try:
        content = torch.load(path, map_location=trainer.device, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what the unpickler stumbles over may be anything
        raise ValueError(f"{path} is no checkpoint: {error!r}") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is no checkpoint of a trainer in format {FORMAT}")
    if len(content["ranks"]) != _world():
        raise ValueError(f"{path} was written by {len(content['ranks'])} ranks, these are {_world()}")
    agent: Any = unwrap(trainer.policy)
    try:
        agent.load_state_dict(content["policy"])
    except RuntimeError as error:
        raise ValueError(f"{path} holds another policy than the trainer's: {error}") from error
    if content["original_feature_mapping"] is not None:
        agent.restore_original_feature_mapping(content["original_feature_mapping"])
        features = getattr(trainer.env, "get_observation_features", None)
        if features is not None:
            agent.activate_observations(features())
    trainer.optimizer.load_state_dict(content["optimizer"])
    trainer.updates, trainer.steps = content["updates"], content["steps"]
    own = content["ranks"][_rank()]
    if own["environment"] is not None:
        environment: Any = trainer.env
        environment.load_state_dict(_to_cpu(own["environment"]))
        trainer.memory, trainer.ended = own["memory"], own["ended"].cpu()
    # Last: whatever was drawn on the way here does not count.
    _set_random_state(own["random"], trainer.device)


def _state_of(env: Any) -> Any:
    return env.state_dict() if hasattr(env, "state_dict") and hasattr(env, "load_state_dict") else None


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _set_random_state(state: Mapping[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)


def _to_cpu(state: Any) -> Any:
    """Environments live on the CPU, wherever the policy does."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {key: _to_cpu(value) for key, value in state.items()}
    return state


def _world() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
