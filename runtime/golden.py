"""Replay recorded numbers of a policy, and say how far ours are from them in units of the tolerance.

    python -m policyfix.runtime.golden FOLDER...
    python -m policyfix.runtime.golden --builder mine.agents:build FOLDER

A folder holds `meta.json` (environment, seeds, tolerances, labels) and, each of them optional, what was
recorded:

- `weights.safetensors`: the `state_dict` that everything below was recorded with;
- `rollout.safetensors`: `in.*` of a number of rollout calls in their order, and `out.*`;
- `train.safetensors`: `in.*` of one `[B, T]` minibatch, `out.*`, `loss_weight.*`, `grad.<parameter>`, and
  `carry.*` of a second forward without `reset_memory`;
- `edge.safetensors`: `caseNN.in.env_obs` and `caseNN.out.*`, or an error or warning that `meta.json` names;
- `clip.safetensors`: strided samples of every parameter `before` and `after` clipping, exact;
- `intermediates.safetensors`: outputs of single components or modules in the first rollout call.

A folder with `ppo.safetensors` holds a trainer's arithmetic instead: advantages, sampling, loss and
gradients.

Every line of the report is a tensor with its worst deviation: 1 is as far as the tolerance allows. Exit
status 1 when one is over, 2 when a folder cannot be read.
"""

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from . import policies
from .actions import log_prob_at
from .checkpoints import rename
from .components import ComponentPolicy, read_config
from .nets.tokens import TokenBox, TokenSequence, TokenValues
from .policy import RecurrentPolicy
from .training.advantage import advantages
from .training.experience import importance_weights, segment_probabilities
from .training.loss import normalise, ppo_loss

CORE = "policy.components._core_._net."
SEEDS = 20
_FLAGS = ("dones", "truncateds")
_TRAINER = "ppo.safetensors"


class UnreadableError(Exception):
    """A folder that is not of this format, or that nothing here can replay."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far one tensor is from the recorded one, in units of the tolerance. NaN: not the same places
    finite."""

    file: str
    tensor: str
    units: float
    note: str = ""

    @property
    def is_over(self) -> bool:
        return not self.units <= 1.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy to replay on, and what its parameters and buffers are called in the recordings."""

    policy: RecurrentPolicy
    recorded_name: Callable[[str], str]

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take recorded weights. Raises UnreadableError for parameters that are missing, or of another
        shape."""
        ours = self.policy.state_dict()
        known = {self.recorded_name(name): name for name in ours}
        parameters = {name for name, _ in self.policy.named_parameters()}
        loaded = {known[name]: value for name, value in weights.items() if name in known}
        missing = sorted(parameters - loaded.keys())
        if missing:
            raise UnreadableError(f"weights.safetensors lacks {', '.join(missing)}")
        if unknown := sorted(weights.keys() - known.keys()):
            raise UnreadableError(
                f"weights.safetensors has {', '.join(unknown)}, which the policy does not have"
            )
        try:
            self.policy.load_state_dict(loaded, strict=False)
        except RuntimeError as error:
            raise UnreadableError(f"weights.safetensors: {error}") from error
        self.policy._initial_weights.update(self.policy)  # also where update_l2_init_weight_copy does nothing

    def parameters(self) -> dict[str, nn.Parameter]:
        """Recorded name -> parameter."""
        return {self.recorded_name(name): parameter for name, parameter in self.policy.named_parameters()}


Builder = Callable[[Mapping[str, Any]], Subject]


def environment(meta: Mapping[str, Any]) -> SimpleNamespace:
    """The environment that `meta.json` describes, as policies want it."""
    env = meta["env"]
    return SimpleNamespace(
        single_observation_space=SimpleNamespace(shape=tuple(env["obs_shape"])),
        single_action_space=SimpleNamespace(nvec=list(env["action_space_nvec"])),
        max_action_args=list(env["max_action_args"]),
        action_names=list(env["action_names"]),
        obs_width=env["obs_width"],
        obs_height=env["obs_height"],
        feature_normalizations={int(id_): float(n) for id_, n in env["feature_normalizations"].items()},
    )


def under_agent(name: str) -> str:
    """The recorded name of a parameter of a hand-written policy: the agent's, which holds it as `policy`."""
    return f"policy.{name}"


def in_components(name: str) -> str:
    """The recorded name of a parameter of a component policy, where the core is a component like others."""
    return name.replace("lstm.", CORE, 1) if name.startswith("lstm.") else name


def _build_component(meta: Mapping[str, Any]) -> Subject:
    config = read_config(meta["policy"].removeprefix("component_"))
    policy = ComponentPolicy(
        environment(meta), mode="reference", **(config | meta["config"]["constructor_overrides"])
    )
    results = meta.get("clip", {}).get("results", {}).values()
    recorded: Mapping[str, Any] = next(
        (result["components"] for result in results if result.get("components")), {}
    )
    if recorded and policy._clip_bounds is not None:
        # Bounds stem from the initial weights, which the recorded ones are no more.
        for position, name in enumerate(policy._clip_bounds.names):
            component = name.split(".")[2]
            if component in recorded:
                policy._clip_bounds.largest[position] = recorded[component]["largest_weight"]
    return Subject(policy, in_components)


def _build_policy(meta: Mapping[str, Any]) -> Subject:
    kind = getattr(policies, meta["policy_class"], None)
    if kind is None:
        raise UnreadableError(f"no policy of this package is called {meta['policy_class']!r}")
    policy = kind(environment(meta), mode="reference", **meta["config"]["constructor_overrides"])
    return Subject(policy, lambda name: rename(name, "policyfix", "pytorch") or name)


# The policy of `meta.json` -> who builds it. A name that ends in * stands for all that begin so.
BUILDERS: dict[str, Builder] = {"component_*": _build_component, "pytorch_*": _build_policy}


@dataclass(frozen=True, slots=True)
class Folder:
    """A recording, and a policy to replay it on."""

    path: Path
    meta: Mapping[str, Any]
    build: Builder

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The tensors of one of its files; empty where it is absent."""
        path = self.path / f"{name}.safetensors"
        return read_tensors(path) if path.exists() else {}

    def subject(self) -> Subject:
        """A new policy with the recorded weights."""
        torch.manual_seed(int(self.meta["seeds"]["init"]))
        subject = self.build(self.meta)
        subject.load(self.tensors("weights"))
        return subject

    def tolerance(self, kind: str) -> tuple[float, float]:
        """(relative, floor) of "outputs" or "gradients"."""
        text = self.meta["recommended_tolerance"][kind]
        found = re.search(r"<=\s*([\d.e+-]+)\s*\*\s*max\(.*,\s*([\d.e+-]+)\)", text)
        if found is None:
            raise UnreadableError(f"the tolerance of {kind} is not understood: {text!r}")
        return float(found[1]), float(found[2])

    def compare(self, file: str, tensor: str, ours: Tensor | None, recorded: Tensor) -> Deviation:
        """The deviation of one tensor; booleans and integers must be equal."""
        if ours is None:
            return Deviation(file, tensor, float("nan"), "not computed")
        if recorded.dtype in (torch.bool, torch.int32, torch.int64, torch.uint8):
            equal = ours.shape == recorded.shape and bool((ours == recorded).all())
            return Deviation(file, tensor, 0.0 if equal else float("inf"), "exact")
        relative, floor = self.tolerance("gradients" if tensor.startswith("grad.") else "outputs")
        return Deviation(file, tensor, units(ours, recorded, relative, floor))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises UnreadableError."""
    try:
        from safetensors.torch import load_file  # an extra that only this needs
    except ModuleNotFoundError:
        raise UnreadableError("reading recordings needs safetensors: pip install safetensors") from None
    try:
        loaded: dict[str, Tensor] = load_file(path)
    except Exception as error:
        raise UnreadableError(f"{path.name} cannot be read: {error}") from error
    return loaded


def read_meta(folder: Path) -> dict[str, Any]:
    """`meta.json`. Raises UnreadableError."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"meta.json cannot be read: {error!r}") from error
    if not isinstance(meta, dict):
        raise UnreadableError("meta.json is no mapping")
    return meta


def units(ours: Tensor, recorded: Tensor, relative: float, floor: float) -> float:
    """max |ours - recorded| / (relative * max(max |recorded|, floor)), over finite entries.

    NaN when the shapes differ, or not the same entries are finite; the others must be equal.
    """
    ours, recorded = ours.detach().double(), recorded.double()
    if ours.shape != recorded.shape:
        return float("nan")
    finite = recorded.isfinite()
    if not torch.equal(finite, ours.isfinite()) or not torch.equal(ours[~finite], recorded[~finite]):
        return float("nan")
    ours, recorded = ours[finite], recorded[finite]
    if not recorded.numel():
        return 0.0
    worst = (ours - recorded).abs().max().item()
    return worst / (relative * max(recorded.abs().max().item(), floor))


class _Watch:
    """What passes through a policy in one forward: the core's input and output, its new state, the logits."""

    def __init__(self, policy: RecurrentPolicy) -> None:
        self.seen: dict[str, Tensor] = {}
        net: Any = policy.policy
        encode, decode, keep = net.encode_observations, net.decode_actions, policy.memory.keep

        def watched_encode(*args: Any, **kwargs: Any) -> Any:
            features = encode(*args, **kwargs)
            self.seen["lstm_in"] = features.flatten(1)
            return features

        def watched_decode(hidden: Tensor, *args: Any) -> Any:
            self.seen["core"] = hidden
            logits, value = decode(hidden, *args)
            self.seen["logits"] = torch.cat(logits, -1) if isinstance(logits, tuple | list) else logits
            return logits, value

        def watched_keep(td: Any, state: Any, **kwargs: Any) -> None:
            self.seen["h_n"], self.seen["c_n"] = (part.detach() for part in state)
            keep(td, state, **kwargs)

        # Attributes of the instances: they stand in front of the methods of the classes.
        object.__setattr__(net, "encode_observations", watched_encode)
        object.__setattr__(net, "decode_actions", watched_decode)
        object.__setattr__(policy.memory, "keep", watched_keep)


@contextmanager
def _outputs_of(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Any]]:
    """What each of `modules` returns inside, by name."""
    seen: dict[str, Any] = {}

    def hook(name: str) -> Callable[..., None]:
        def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
            seen[name] = output

        return note

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def replay(folder: Folder, seeds: int = SEEDS) -> Iterator[Deviation]:
    """Everything that a folder of a policy holds, file by file; initialisations under `seeds` seeds (0:
    none)."""
    yield from _structure(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _rollout(folder)
        yield from _train(folder)
        yield from _clip(folder)
        yield from _initialisation(folder, seeds)
    yield from _edge(folder)


def _structure(folder: Folder) -> Iterator[Deviation]:
    recorded = folder.meta["parameters"]
    ours = {name: list(parameter.shape) for name, parameter in folder.subject().parameters().items()}
    wrong = sorted(name for name in recorded.keys() | ours.keys() if ours.get(name) != recorded.get(name))
    yield Deviation("meta", "parameters", float("inf") if wrong else 0.0, ", ".join(wrong) or "exact")


def _rollout(folder: Folder) -> Iterator[Deviation]:
    recorded = folder.tensors("rollout")
    if not recorded:
        return
    subject = folder.subject()
    policy, watch = subject.policy, _Watch(subject.policy)
    named = folder.tensors("intermediates")
    modules = {name: module for name, module in policy.policy.named_modules() if name in named}
    calls = recorded["in.env_obs"].shape[0]
    ours: dict[str, list[Tensor]] = {}
    policy.reset_memory()
    for call in range(calls):
        td = _step_input(recorded, call)
        watch.seen.clear()
        with torch.no_grad(), _outputs_of(modules) as seen:
            policy(td)
        results = watch.seen | {"values": td["values"], "full_log_probs": td["full_log_probs"]}
        for actions, log_probs in (("in.fixed_actions", "fixed"), ("out.sampled_actions", "sampled")):
            if f"out.{log_probs}_act_log_prob" in recorded:
                index = policy._convert_action_to_logit_index(recorded[actions][call])
                results[f"{log_probs}_act_log_prob"] = log_prob_at(td["full_log_probs"], index)
        for name, tensor in results.items():
            ours.setdefault(f"out.{name}", []).append(tensor.clone())
        if call == 0:
            yield from _intermediates(folder, named, seen, td)
    for name, tensor in recorded.items():
        if name.startswith("out.") and name != "out.sampled_actions":
            mine = torch.stack(ours[name]) if name in ours else None
            if mine is not None and name.endswith("act_log_prob"):
                # An action that has no logit has no log-prob either; what stands there was not computed.
                tensor = torch.where(mine.isfinite(), tensor, mine)
            yield folder.compare("rollout", name, mine, tensor)


def _step_input(recorded: Mapping[str, Tensor], call: int) -> TensorDict:
    rows = recorded["in.env_obs"].shape[1]
    entries = {"env_obs": recorded["in.env_obs"][call].clone()}
    entries |= {flag: recorded[f"in.{flag}"][call] for flag in _FLAGS if f"in.{flag}" in recorded}
    entries["training_env_id_start"] = recorded["in.training_env_id_start"][call].expand(rows)
    return TensorDict(entries, batch_size=[rows])


def _intermediates(
    folder: Folder, named: Mapping[str, Tensor], seen: Mapping[str, Any], td: TensorDict
) -> Iterator[Deviation]:
    for name, tensor in named.items():
        mine = td.get(name, None)
        mine = seen.get(name) if mine is None else mine
        if isinstance(mine, tuple):
            mine = mine[0]
        if mine is None:
            continue  # a module that this implementation does without
        mine = mine[: tensor.shape[0]]
        if mine.shape != tensor.shape:
            try:  # computed once for all rows
                mine = mine.expand_as(tensor)
            except RuntimeError:
                continue  # or for fewer positions
        yield folder.compare("intermediates", name, mine, tensor)


def _train(folder: Folder) -> Iterator[Deviation]:
    recorded = folder.tensors("train")
    if not recorded:
        return
    subject = folder.subject()
    policy, watch = subject.policy, _Watch(subject.policy)
    batch = list(recorded["in.env_obs"].shape[:2])

    def forward() -> dict[str, Tensor]:
        watch.seen.clear()
        td = policy(
            TensorDict({"env_obs": recorded["in.env_obs"].clone()}, batch_size=batch),
            action=recorded["in.actions"],
        )
        rows = {
            name: tensor.view(*batch, -1) for name, tensor in watch.seen.items() if not name.endswith("_n")
        }
        return (
            watch.seen
            | rows
            | {str(name): tensor for name, tensor in td.items() if isinstance(tensor, Tensor)}
        )

    policy.reset_memory()
    ours = forward()
    loss = torch.zeros(())
    for name, weight in recorded.items():
        if name.startswith("loss_weight."):
            output = ours[name.removeprefix("loss_weight.")].reshape(weight.shape)
            finite = output.isfinite()  # impossible actions have no part in the loss
            loss = loss + (weight * output.masked_fill(~finite, 0.0)).sum()
    ours["loss"] = (loss / (batch[0] * batch[1])).reshape(1)
    torch.autograd.backward(ours["loss"])
    carried = forward()
    gradients = {name: parameter.grad for name, parameter in subject.parameters().items()}
    for name, tensor in recorded.items():
        kind, _, rest = name.partition(".")
        if kind in ("out", "carry"):
            mine = (ours if kind == "out" else carried).get(rest)
            if rest == "value" and mine is not None:
                mine = mine.reshape(tensor.shape)
            yield folder.compare("train", name, mine, tensor)
        elif kind == "grad":
            yield folder.compare("train", name, gradients.get(rest), tensor)
    without = sorted(name for name, gradient in gradients.items() if gradient is None)
    same = without == sorted(folder.meta["train"]["parameters_without_grad"])
    yield Deviation("train", "parameters_without_grad", 0.0 if same else float("inf"), ", ".join(without))


def _clip(folder: Folder) -> Iterator[Deviation]:
    recorded = folder.tensors("clip")
    if not recorded:
        return
    strides = folder.meta["clip"]["sample_stride"]
    for clip_range, result in folder.meta["clip"]["results"].items():
        subject = folder.subject()
        policy, parameters = subject.policy, subject.parameters()
        at_start = policy.l2_init_loss()
        order = {name: position for position, name in enumerate(folder.meta["parameter_order"])}
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(_perturbed(parameter, order[name]))
        before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        distance = policy.l2_init_loss()
        policy.clip_range = float(clip_range)
        policy.clip_weights()
        for kind, state in (("before", before), (f"after_{clip_range}", parameters)):
            worst, where = 0.0, "exact"
            for name, tensor in state.items():
                sample = recorded.get(f"{kind}.{name}")
                if sample is not None and not torch.equal(
                    tensor.detach().flatten()[:: strides[name]], sample
                ):
                    worst, where = float("inf"), name
            yield Deviation("clip", f"{kind}.*", worst, where)
        changed = {name for name, old in before.items() if not torch.equal(old, parameters[name])}
        same = changed == set(result["changed_parameters"])
        yield Deviation("clip", f"changed_parameters at {clip_range}", 0.0 if same else float("inf"), "exact")
        for name, loss, number in (
            ("at_init", at_start, result["l2_init_loss_at_init"]),
            ("perturbed", distance, result["l2_init_loss_perturbed"]),
        ):
            tensor = torch.tensor([float(number)])
            yield folder.compare("clip", f"l2_init_loss_{name} at {clip_range}", loss.reshape(1), tensor)
        same = distance.requires_grad == result["l2_init_loss_has_grad_fn"]
        yield Deviation(
            "clip", f"l2_init_loss gradient at {clip_range}", 0.0 if same else float("inf"), "exact"
        )


def _perturbed(weight: Tensor, position: int) -> Tensor:
    """The weights before clipping, by the recipe of `meta.json:clip.perturbation`."""
    index = torch.arange(weight.numel())
    noise = ((index * 7919 + 104729 * position) % 1009).double() / 1009 - 0.5
    return (weight.detach().double().flatten() + 0.5 * noise).float().view_as(weight)


def _edge(folder: Folder) -> Iterator[Deviation]:
    recorded = folder.tensors("edge")
    cases = folder.meta.get("edge_cases", {}) if recorded else {}
    subject = folder.subject()
    policy, watch = subject.policy, _Watch(subject.policy)
    tokens = {
        kind.__name__: module
        for module in policy.modules()
        for kind in (TokenBox, TokenSequence, TokenValues)
        if isinstance(module, kind)
    }
    for case, told in cases.items():
        observations = recorded[f"{case}.in.env_obs"]
        label = f"{case} ({told['name']})"
        policy.reset_memory()
        watch.seen.clear()
        td = TensorDict({"env_obs": observations.clone()}, batch_size=[len(observations)])
        error = None
        with warnings.catch_warnings(record=True) as caught, torch.no_grad(), _outputs_of(tokens) as seen:
            warnings.simplefilter("always")
            try:
                policy(td)
            except (RuntimeError, ValueError, IndexError) as raised:
                error = type(raised).__name__
        expected = told["error"].partition(":")[0] if "error" in told else None
        if expected or error:
            note = f"{error}, recorded {expected}"
            yield Deviation("edge", f"{label} error", 0.0 if error == expected else float("inf"), note)
            continue
        for name, tensor in recorded.items():
            if name.startswith(f"{case}.out."):
                short = name.removeprefix(f"{case}.out.")
                mine = td["values"] if short == "values" else watch.seen.get(short)
                yield folder.compare("edge", f"{label} {short}", mine, tensor)
        ids = [_feature_ids(text) for text in told["warnings"]]
        named = [found for warning in caught if (found := _feature_ids(str(warning.message)))]
        yield Deviation(
            "edge", f"{label} warnings", 0.0 if ids == named else float("inf"), str(named or "none")
        )
        yield from _cells(label, told, seen)


def _feature_ids(text: str) -> list[int]:
    """The ids that a warning about unknown features names."""
    found = re.search(r"\[(\d+(?:, \d+)*)\]", text)
    return [int(id_) for id_ in found[1].split(", ")] if found else []


def _cells(label: str, told: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[Deviation]:
    """What the tokens of an edge case became, where `meta.json` tells."""
    mine: dict[str, object] = {}
    if "box_nonzero_raw" in told and "TokenBox" in seen:
        box = seen["TokenBox"]
        places = [[*place, box[tuple(place)].item()] for place in box.nonzero().tolist()]
        mine["box_nonzero_raw"] = places[: len(told["box_nonzero_raw"]) or None]
    if "kept_tokens" in told and "TokenSequence" in seen:
        kept, mask = seen["TokenSequence"]
        mine["kept_tokens"], mine["masked"] = kept.shape[1], mask.sum(1).tolist()
    if "normalised_token_values_row0" in told and "TokenValues" in seen:
        mine["normalised_token_values_row0"] = seen["TokenValues"][0, :8, 2].tolist()
    for name, value in mine.items():
        yield Deviation("edge", f"{label} {name}", 0.0 if value == told[name] else float("inf"), "exact")


def _initialisation(folder: Folder, seeds: int) -> Iterator[Deviation]:
    """Raw initialisations under several seeds: is the recorded one a draw from the same distribution?

    For each statistic of each parameter, the distance of the recorded value from our mean is measured in
    six of our standard deviations over the seeds, with a floor of 1e-4 for what does not vary.
    """
    recorded = folder.meta.get("initialisation_statistics", {}).get("per_parameter", {})
    if not recorded or not seeds:
        return
    draws: dict[str, list[dict[str, float]]] = {name: [] for name in recorded}
    for seed in range(seeds):
        torch.manual_seed(seed)
        parameters = folder.build(folder.meta).parameters()
        for name, told in recorded.items():
            draws[name].append(_statistics(parameters[name].detach(), "singular_values_min_max" in told))
    for name, told in recorded.items():
        known = {key: told[key] for key in ("mean", "std", "abs_max")}
        if "singular_values_min_max" in told:
            known["smallest"], known["largest"] = told["singular_values_min_max"]
        worst, which = 0.0, ""
        for key, value in known.items():
            ours = torch.tensor([draw[key] for draw in draws[name]], dtype=torch.float64)
            allowed = max(6 * ours.std().item(), 1e-4 * max(abs(value), 1e-2))
            distance = abs(value - ours.mean().item()) / allowed
            if distance >= worst:
                worst, which = distance, key
        yield Deviation("initialisation", name, worst, which)


def _statistics(weight: Tensor, with_singular_values: bool) -> dict[str, float]:
    statistics = {
        "mean": weight.mean().item(),
        "std": weight.std(correction=0).item(),
        "abs_max": weight.abs().max().item(),
    }
    if with_singular_values:
        singular = torch.linalg.svdvals(weight.flatten(1))
        statistics |= {"smallest": singular.min().item(), "largest": singular.max().item()}
    return statistics


def open_folder(path: Path, builder: Builder | None = None) -> Folder:
    """A folder and who builds its policy: `builder`, or the one of `BUILDERS` that its `meta.json` asks for.

    Raises UnreadableError for a folder that is none, or of a policy that nobody here builds.
    """
    meta = read_meta(path)
    name = str(meta.get("policy"))
    if builder is None:
        patterns = [
            known
            for known in BUILDERS
            if known == name or (known.endswith("*") and name.startswith(known[:-1]))
        ]
        if not patterns:
            raise UnreadableError(f"nobody builds the policy {name!r}; known: {', '.join(BUILDERS)}")
        builder = BUILDERS[max(patterns, key=len)]
    return Folder(path, meta, builder)


def replay_trainer(path: Path) -> Iterator[Deviation]:
    """What a folder holds of a trainer's arithmetic, in `ppo.safetensors`. Raises UnreadableError."""
    meta, recorded = read_meta(path), read_tensors(path / _TRAINER)
    ours = _trainer_outputs(
        {name[3:]: t for name, t in recorded.items() if name.startswith("in.")}, meta, recorded
    )
    for name, tensor in recorded.items():
        if not name.startswith("in."):
            mine = ours.get(name)
            floor = 1e-2 if name.startswith("grad.") else 0.1
            distance = (
                float("nan") if mine is None else units(mine.reshape(tensor.shape), tensor, 2e-5, floor)
            )
            yield Deviation("ppo", name, distance, "not computed" if mine is None else "")


def _trainer_outputs(
    given: Mapping[str, Tensor], meta: Mapping[str, Any], names: Iterable[str]
) -> dict[str, Tensor]:
    """`out.*` and `grad.*` of the recorded inputs; exponents of the sampling stand in the recorded names."""
    hyper, trace = meta["hyper"], meta["vtrace"]
    values, rewards, dones = given["values"], given["rewards"], given["dones"]
    leaves = {
        name: given[name].clone().requires_grad_() for name in ("new_act_log_prob", "entropy", "new_value")
    }
    ratio = (given["new_act_log_prob"] - given["old_act_log_prob"]).exp()
    numbers = {name: hyper[name] for name in ("gamma", "gae_lambda")}
    numbers |= {name: trace[name] for name in ("rho_clip", "c_clip")}
    out = {
        "ratio": ratio,
        "advantages_ratio1": advantages(values, rewards, dones, **numbers),
        "advantages": advantages(values, rewards, dones, ratio=ratio, **numbers),
        # The reference's branch for Apple devices runs along the other axis.
        "mps_branch_same_layout": advantages(values.T, rewards.T, dones.T, ratio=ratio.T, **numbers).T,
    }
    pairs = sorted(
        (float(found[1]), float(found[2]))
        for name in names
        if (found := re.fullmatch(r"out\.prio_weights_alpha([\d.]+)_beta([\d.]+)", name))
    )
    for alpha, beta in pairs:
        probabilities = segment_probabilities(out["advantages_ratio1"], alpha)
        out[f"prio_probs_alpha{alpha}"] = probabilities
        out[f"prio_weights_alpha{alpha}_beta{beta}"] = weights = importance_weights(probabilities, beta)
    # The loss was recorded with the last pair: the one that weighs segments.
    out["advantages_normalised_weighted"] = weights * normalise(out["advantages"])
    loss = ppo_loss(
        act_log_prob=leaves["new_act_log_prob"],
        entropy=leaves["entropy"],
        value=leaves["new_value"],
        old_act_log_prob=given["old_act_log_prob"],
        old_values=values,
        returns=out["advantages_ratio1"] + values,
        advantages=out["advantages_normalised_weighted"],
        clip_value_loss=hyper["clip_vloss"],
        **{name: hyper[name] for name in ("clip_coef", "vf_clip_coef", "vf_coef", "ent_coef")},
    )
    torch.autograd.backward(loss.total)
    out |= {"loss": loss.total, "pg_loss": loss.policy, "v_loss": loss.value}
    out |= {"entropy_loss": loss.entropy, "approx_kl": loss.approx_kl, "clipfrac": loss.clipfrac}
    gradients = {f"grad.{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return {f"out.{name}": tensor.detach() for name, tensor in out.items()} | gradients


def replay_folder(path: Path, builder: Builder | None = None, seeds: int = SEEDS) -> list[Deviation]:
    """All deviations of a folder. Raises UnreadableError."""
    try:
        if (path / _TRAINER).exists():
            return list(replay_trainer(path))
        return list(replay(open_folder(path, builder), seeds))
    except KeyError as error:
        raise UnreadableError(f"the recording lacks {error}") from error


def _load_builder(spec: str) -> Builder:
    """`module:function`, which takes `meta.json` and returns a Subject, or a policy with the recorded
    names."""
    module, _, function = spec.partition(":")
    build = getattr(import_module(module), function)

    def wrapped(meta: Mapping[str, Any]) -> Subject:
        built = build(meta)
        return built if isinstance(built, Subject) else Subject(built, under_agent)

    return wrapped


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m policyfix.runtime.golden",
        description="Replay recorded numbers of a policy; print how far ours are, in units of the tolerance.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--builder", help="module:function that builds the policy from meta.json")
    parser.add_argument(
        "--seeds",
        type=int,
        default=SEEDS,
        help="how many initialisations to draw; 0: none (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="only what is over, and a line per folder")
    options = parser.parse_args(arguments)
    status = 0
    for path in options.folders:
        try:
            builder = _load_builder(options.builder) if options.builder else None
            deviations = replay_folder(path, builder, options.seeds)
        except (UnreadableError, ImportError, AttributeError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
            continue
        over = [deviation for deviation in deviations if deviation.is_over]
        for deviation in over if options.quiet else deviations:
            mark = "OVER" if deviation.is_over else "    "
            line = f"{mark} {deviation.units:9.3g}  {deviation.file:<14} {deviation.tensor}  {deviation.note}"
            print(line.rstrip())
        worst = max(deviations, key=lambda one: float("inf") if one.is_over else one.units)
        print(
            f"{path}: {len(deviations)} tensors, {len(over)} over; "
            f"worst {worst.units:.3g} ({worst.file} {worst.tensor})"
        )
        status = max(status, 1 if over else 0)
    return status


if __name__ == "__main__":
    # By its name: else a builder's `Subject` would be another class than the one that is looked for here.
    sys.exit(import_module(f"{__package__}.golden").main())
