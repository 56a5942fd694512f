"""`mode="reference"` against the public repository itself, on other shapes and inputs than the recordings.

    python benchmarks/parity.py METTA FOLDER [--seeds N] [--policies REGEX]

METTA is a checkout of Metta-AI/metta at 04185f82e9. Each of its nine policies is built there for
environments drawn from a seed (box, features, actions, tokens), with weights far from their initialisation.
Twelve steps of a rollout of two groups, with episode ends, then a training forward with the gradient of a
weighted sum of its outputs and a second forward that carries the state, are recorded under FOLDER in the
format of `policyfix.runtime.golden`, and replayed from there. Prints a line for each recording with the worst
deviation in units of the tolerance; exit status 1 where one is over.

Needs what the repository imports: einops, omegaconf, hydra-core, gymnasium, pufferlib-core (`--no-deps`), and
safetensors. Three things that it cannot run are repaired as the recordings' `meta.json` says: the core's
source and `_BxTT_` of the latent component graphs, and two methods of `Example`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor

from policyfix.runtime import golden
from runtime import metta_module

ROWS, STEPS, CALLS = 4, 8, 12
LATENT = ("latent_attn_tiny", "latent_attn_small", "latent_attn_med")
POLICIES = [f"component_{name}" for name in ("fast", *LATENT)]
POLICIES += [f"pytorch_{name}" for name in ("fast", *LATENT, "example")]


class Flat(TensorDict):
    """The latent graphs read the number of rows as an entry, which nothing writes."""

    def __getitem__(self, key: Any) -> Any:
        return (
            self.batch_size.numel() if isinstance(key, str) and key == "_BxTT_" else super().__getitem__(key)
        )


def draw_environment(name: str, random: Random) -> SimpleNamespace:
    """An environment, of those that the repository can build the policy for: its hand-written latent policies
    know 200 tokens only, its graph of `fast` boxes that the strides divide, and ids without gaps."""
    is_strict = name == "component_fast"
    features = random.sample(range(64), random.randint(1, 40))
    features = list(range(len(features))) if is_strict else features
    sides = (11, 14) if is_strict else range(11, 16)
    # The latent policies have as many logits as all dimensions have choices: no more than joint actions here.
    maxima = [2, 3, *(random.choice((0, 0, 1, 2, 3, 8)) for _ in range(random.randint(0, 8)))]
    tokens = 200 if name in {f"pytorch_{latent}" for latent in LATENT} else random.choice((1, 30, 64, 200))
    return SimpleNamespace(
        single_observation_space=gymnasium.spaces.Box(0, 255, (tokens, 3), np.uint8),
        single_action_space=gymnasium.spaces.MultiDiscrete([len(maxima), max(maxima) + 1]),
        obs_width=random.choice(sides),
        obs_height=random.choice(sides),
        feature_normalizations={
            id_: random.choice((1.0, 10.0, 30.0, 100.0, 255.0)) for id_ in sorted(features)
        },
        action_names=[f"act{kind}" for kind in range(len(maxima))],
        max_action_args=maxima,
    )


def build(tree: Path, name: str, env: SimpleNamespace) -> tuple[Any, dict[str, int]]:
    """The repository's agent around its policy `name`, and what its constructor was given beside `env`."""
    from omegaconf import OmegaConf

    module = metta_module(tree, "metta.agent.metta_agent")
    kind, _, short = name.partition("_")
    given: dict[str, int] = {}
    if kind == "component":
        config = OmegaConf.load(tree / "configs" / "agent" / f"{short}.yaml")
        if short in LATENT:
            source = "obs_cross_attn" if short == LATENT[0] else "obs_latent_self_attn"
            config.components._core_.sources[0].name = source
    else:
        if short == "example":
            given = {"cnn_channels": 32, "input_size": 64, "hidden_size": 64}
        config = OmegaConf.create(
            {"agent_type": short, "clip_range": 0, "analyze_weights_interval": 300, **given}
        )
    agent = module.MettaAgent(env, SimpleNamespace(device="cpu"), config)
    features = {
        f"feature{id_}": {"id": id_, "type": "scalar", "normalization": normalization}
        for id_, normalization in env.feature_normalizations.items()
    }
    agent.initialize_to_environment(features, env.action_names, env.max_action_args, "cpu")
    if short == "example":
        policy, stamp = agent.policy, agent.policy.set_tensordict_fields
        policy._prepare_lstm_state = lambda state: None
        policy.set_tensordict_fields = lambda td, observations: (
            tuple(observations.shape[:2]) if td.batch_dims > 1 else stamp(td, observations)
        )
    return agent, given


def draw_tokens(env: SimpleNamespace, noise: torch.Generator, *shape: int) -> Tensor:
    """Tokens uint8 `[*shape, M, 3]`; where there is more than one, a row ends in padding. None stands outside
    of the box, none is of feature 0 in the first cell: what padding does there is another question."""
    most = env.single_observation_space.shape[0]

    def numbers(bound: int) -> Tensor:
        return torch.randint(0, bound, (*shape, most), generator=noise)

    x, y, feature = numbers(env.obs_width), numbers(env.obs_height), numbers(66)
    x = torch.where((x == 0) & (y == 0) & (feature == 0), 1, x)
    drawn = torch.stack([x << 4 | y, feature, numbers(256)], dim=-1).to(torch.uint8)
    count = torch.randint(1, max(2, most), (*shape, 1), generator=noise)
    return torch.where((torch.arange(most) < count).unsqueeze(-1), drawn, 255)


class Watched:
    """An agent of the repository, and what passes through it in one forward."""

    def __init__(self, agent: Any) -> None:
        self.agent, self.policy = agent, agent.policy
        self.is_component = hasattr(self.policy, "components")
        self.is_example = type(self.policy).__name__ == "Example"
        self.seen: dict[str, Tensor] = {}
        if self.is_component:
            return
        net = self.policy.policy
        encode, decode = net.encode_observations, net.decode_actions

        def watched_encode(*args: Any, **kwargs: Any) -> Tensor:
            features: Tensor = encode(*args, **kwargs)
            self.seen["lstm_in"] = features.flatten(1)
            return features

        def watched_decode(hidden: Tensor, *args: Any) -> Any:
            logits, value = decode(hidden, *args)
            self.seen |= {
                "core": hidden,
                "logits": torch.cat(logits, -1) if isinstance(logits, list | tuple) else logits,
            }
            return logits, value

        def keep_state(_module: Any, _inputs: Any, outputs: Any) -> None:
            self.seen["h_n"], self.seen["c_n"] = outputs[1]

        net.encode_observations, net.decode_actions = watched_encode, watched_decode
        self.policy.lstm.register_forward_hook(keep_state)

    def __call__(self, td: Flat, group: int, *action: Any) -> tuple[Any, dict[str, Tensor]]:
        self.seen.clear()
        result = self.agent(td, *action)
        if self.is_component:
            states = [kept[group] for kept in self.policy.components["_core_"].get_memory()]
            named = {"core": result["_core_"], "logits": result["_action_"]}
            return result, named | dict(zip(("h_n", "c_n"), states, strict=True))
        return result, dict(self.seen)


def draw_actions(env: SimpleNamespace, random: Random, logits: int, *shape: int) -> Tensor:
    """(type, argument) int32 `[*shape, 2]` that have a logit."""
    pairs = [(kind, value) for kind, most in enumerate(env.max_action_args) for value in range(most + 1)]
    chosen = random.choices(pairs[:logits], k=int(np.prod(shape)))
    return torch.tensor(chosen, dtype=torch.int32).view(*shape, 2)


def record_rollout(
    watched: Watched, env: SimpleNamespace, random: Random, noise: torch.Generator
) -> dict[str, Tensor]:
    groups = [random.choice((0, ROWS)) for _ in range(CALLS)]
    given = {
        "env_obs": draw_tokens(env, noise, CALLS, ROWS),
        "dones": (torch.rand(CALLS, ROWS, generator=noise) < 0.3).float(),
        "truncateds": (torch.rand(CALLS, ROWS, generator=noise) < 0.2).float(),
        "training_env_id_start": torch.tensor(groups),
    }
    steps: dict[str, list[Tensor]] = {}
    watched.agent.reset_memory()
    for call, group in enumerate(groups):
        entries = {name: entry[call].clone() for name, entry in given.items()}
        entries["training_env_id_start"] = torch.full((ROWS,), group)
        with torch.no_grad():
            td, named = watched(Flat(entries, [ROWS]), group)
        named |= {"values": td["values"].flatten(), "full_log_probs": td["full_log_probs"]}
        if not watched.is_example:
            named |= {"sampled_actions": td["actions"], "sampled_act_log_prob": td["act_log_prob"]}
        for name, tensor in named.items():
            steps.setdefault(f"out.{name}", []).append(tensor.clone())
    recorded = {f"in.{name}": entry for name, entry in given.items()}
    return recorded | {name: torch.stack(tensors) for name, tensors in steps.items()}


def record_training(
    watched: Watched, env: SimpleNamespace, random: Random, noise: torch.Generator, logits: int
) -> dict[str, Tensor]:
    observations = draw_tokens(env, noise, ROWS, STEPS)
    actions = draw_actions(env, random, logits, ROWS, STEPS)
    scalars = ("entropy",) if watched.is_example else ("act_log_prob", "entropy")

    def forward() -> dict[str, Tensor]:
        td, named = watched(Flat({"env_obs": observations.clone()}, [ROWS, STEPS]), 0, None, actions)
        states = {name: named.pop(name) for name in ("h_n", "c_n")}
        outputs = {name: tensor.view(ROWS, STEPS, -1) for name, tensor in named.items()}
        outputs |= {name: td[name].view(ROWS, STEPS) for name in scalars}
        outputs["value"] = td["value"].view(ROWS, STEPS)
        outputs["full_log_probs"] = td["full_log_probs"].view(ROWS, STEPS, *td["full_log_probs"].shape[2:])
        return outputs | states

    watched.agent.reset_memory()
    outputs = forward()
    recorded = {"in.env_obs": observations, "in.actions": actions}
    loss = torch.zeros(())
    for name in (*scalars, "value", "full_log_probs"):
        weight = torch.randn(outputs[name].shape, generator=noise)
        recorded[f"loss_weight.{name}"] = weight
        loss = loss + (weight * outputs[name].masked_fill(~outputs[name].isfinite(), 0.0)).sum()
    loss = loss / (ROWS * STEPS)
    watched.agent.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    recorded |= {f"out.{name}": tensor for name, tensor in outputs.items()} | {"out.loss": loss.reshape(1)}
    recorded |= {
        f"grad.{name}": parameter.grad
        for name, parameter in watched.agent.named_parameters()
        if parameter.grad is not None
    }
    carried = forward()
    return recorded | {f"carry.{name}": carried[name] for name in ("value", "core")}


def record(tree: Path, name: str, seed: int, folder: Path) -> None:
    """Records a policy under a seed."""
    from safetensors.torch import save_file

    random = Random(f"{name} {seed}")
    env = draw_environment(name, random)
    torch.manual_seed(seed)
    agent, given = build(tree, name, env)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in agent.parameters():
            drawn = torch.randn(parameter.shape, generator=noise)
            parameter.mul_(0.5 if parameter.dim() == 1 else 1.0)
            parameter.add_(drawn * (0.2 if parameter.dim() == 1 else 0.05 * parameter.abs().max()))
    watched = Watched(agent)
    weights = {key: tensor.clone() for key, tensor in agent.state_dict().items()}
    rollout = record_rollout(watched, env, random, noise)
    training = record_training(watched, env, random, noise, rollout["out.logits"].shape[-1])
    folder.mkdir(parents=True, exist_ok=True)
    for file, tensors in (("weights", weights), ("rollout", rollout), ("train", training)):
        whole = {key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}
        save_file(whole, str(folder / f"{file}.safetensors"))
    relative = "1e-4" if watched.is_example else "2e-5"
    parameters = dict(agent.named_parameters())
    meta = {
        "policy": name,
        "policy_class": type(agent.policy).__name__,
        "env": {
            "obs_shape": list(env.single_observation_space.shape),
            "action_space_nvec": env.single_action_space.nvec.tolist(),
            **{key: getattr(env, key) for key in ("obs_width", "obs_height", "feature_normalizations")},
            **{key: getattr(env, key) for key in ("action_names", "max_action_args")},
        },
        "config": {"constructor_overrides": given},
        "seeds": {"init": seed},
        "train": {"parameters_without_grad": [key for key, p in parameters.items() if p.grad is None]},
        "parameters": {key: list(parameter.shape) for key, parameter in parameters.items()},
        "recommended_tolerance": {
            "outputs": f"max|a-b| <= {relative} * max(max|ref tensor|, 0.1), per tensor",
            "gradients": f"max|a-b| <= {relative} * max(max|ref tensor|, 1e-2), per tensor",
        },
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def shapes(folder: Path) -> str:
    env = golden.read_meta(folder)["env"]
    return (
        f"{env['obs_width']} x {env['obs_height']}, {len(env['feature_normalizations'])} features, "
        f"{sum(env['max_action_args']) + len(env['max_action_args'])} actions, {env['obs_shape'][0]} tokens"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("metta", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--policies", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    over = 0
    for name in POLICIES:
        if not re.search(options.policies, name):
            continue
        for seed in range(options.seeds):
            folder = options.folder / f"{name}_{seed}"
            record(options.metta, name, seed, folder)
            found = list(golden.replay(golden.open_folder(folder), seeds=0))
            worst = max(found, key=lambda deviation: (deviation.is_over, deviation.units))
            over += worst.is_over
            print(
                f"{folder.name}: {shapes(folder)}: "
                f"{len(found)} tensors, {sum(d.is_over for d in found)} over, "
                f"worst {worst.units:.3g} ({worst.file} {worst.tensor})",
                flush=True,
            )
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
