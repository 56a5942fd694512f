"""Train an agent from the command line, on one process or several.

    python -m policyfix.runtime.training --agent fast --environment mettagrid --updates 100
    torchrun --nproc-per-node 2 -m policyfix.runtime.training --agent latent_attn_tiny

Prints one JSON object an update (rank 0). With `--checkpoint FILE` it goes on from the file where there is
one, and writes it after every update.
"""

import argparse
import ast
import json
import math
import os
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import yaml

from ..agent import AGENT_TYPES, PolicyAgent
from ..distributed import DistributedPolicyAgent
from ..names import hint
from .checkpoint import load_checkpoint, save_checkpoint
from .environment import VectorEnvironment
from .memory_task import CueRecall
from .trainer import PPOConfig, Trainer


def main(arguments: list[str] | None = None) -> None:
    """Exits with 2 where something given, or something to be installed, is not there or does not fit."""
    parser = _parser()
    options = parser.parse_args(arguments)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device(options.device)
    if ranks > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    rank = dist.get_rank() if ranks > 1 else 0
    torch.manual_seed(options.seed + rank)

    checkpoint = Path(options.checkpoint) if options.checkpoint else None
    try:
        trainer = _trainer(options, device, rank, ranks)
        if checkpoint is not None and checkpoint.exists():
            load_checkpoint(trainer, checkpoint)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    while trainer.updates < options.updates:
        began = time.perf_counter()
        (statistics,) = trainer.run(1)
        speed = trainer.config.batch_size * ranks / (time.perf_counter() - began)
        if rank == 0:
            shown = {"update": trainer.updates, "steps": trainer.steps * ranks, "steps_per_second": speed}
            known = {name: value if math.isfinite(value) else None for name, value in statistics.items()}
            print(json.dumps({**shown, **known}), flush=True)
        if checkpoint is not None:
            save_checkpoint(trainer, checkpoint)
    if ranks > 1:
        dist.destroy_process_group()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m policyfix.runtime.training", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--agent", default="fast", help=f"{', '.join(AGENT_TYPES)}, or a YAML agent config")
    parser.add_argument("--environment", choices=("cue-recall", "mettagrid"), default="cue-recall")
    parser.add_argument("--agents", type=int, default=24, help="agents of one simulation")
    parser.add_argument("--simulations", type=int, default=1, help="groups of agents that take turns")
    parser.add_argument("--updates", type=int, default=100, help="updates in all, those before included")
    parser.add_argument("--checkpoint", help="file to go on from, and to write")
    parser.add_argument("--mode", choices=("sound", "reference"), default="sound")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a field of PPOConfig, repeatable"
    )
    return parser


def _trainer(options: argparse.Namespace, device: torch.device, rank: int, ranks: int) -> Trainer:
    env = _environment(options, options.seed + 1000 * rank)
    agent: Any = PolicyAgent(env, _agent_config(options.agent), device=device, mode=options.mode)
    if ranks > 1:
        agent = DistributedPolicyAgent(agent)
    features: Any = env
    agent.initialize_to_environment(
        features.get_observation_features(), features.action_names, features.max_action_args
    )
    return Trainer(agent, env, _config(options.set, env.num_agents), mode=options.mode, device=device)


def _environment(options: argparse.Namespace, seed: int) -> VectorEnvironment:
    if options.environment == "cue-recall":
        agents = options.agents * options.simulations
        return CueRecall(agents, groups=options.simulations, window=11, seed=seed)
    from .mettagrid import MettaGrid

    return MettaGrid(agents=options.agents, simulations=options.simulations, seed=seed)


def _agent_config(name: str) -> dict[str, Any]:
    if name in AGENT_TYPES:
        return {"agent_type": name}
    if not Path(name).exists():
        raise ValueError(f"--agent: {name} is neither an agent nor a file{hint(name, AGENT_TYPES)}")
    try:
        config = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is no YAML: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{name} is no agent config: it holds no mapping")
    return config


def _config(settings: list[str], agents: int) -> PPOConfig:
    """The defaults, with a batch of two segments of every agent, and `settings` on top."""
    defaults = {field.name: field.default for field in fields(PPOConfig)}
    values: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in defaults:
            raise ValueError(f"--set {setting}: PPOConfig has no {name!r}{hint(name, defaults)}")
        try:
            values[name] = value if isinstance(defaults[name], str) else ast.literal_eval(value)
        except (SyntaxError, ValueError):
            raise ValueError(f"--set {setting}: {value!r} is no value as Python writes it") from None
    size = 2 * agents * values.get("horizon", defaults["horizon"])
    return PPOConfig(**{"batch_size": size, "minibatch_size": size // 2, **values})


if __name__ == "__main__":
    main()
