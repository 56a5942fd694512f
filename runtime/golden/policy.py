"""The replay of a policy: rollout, training, clipping, edge cases, initialisation."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ..actions import log_prob_at
from ..nets.tokens import TokenBox, TokenSequence, TokenValues
from ..policy import RecurrentPolicy
from .recording import Deviation, Folder

SEEDS = 20
_FLAGS = ("dones", "truncateds")


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


def _structure(folder: Folder) -> Iterator[Deviation]:
    recorded = folder.meta["parameters"]
    ours = {name: list(parameter.shape) for name, parameter in folder.subject().parameters().items()}
    wrong = sorted(name for name in recorded.keys() | ours.keys() if ours.get(name) != recorded.get(name))
    yield Deviation.exact("meta", "parameters", not wrong, ", ".join(wrong) or "exact")


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
    yield Deviation.exact("train", "parameters_without_grad", same, ", ".join(without))


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
            samples = {name: tensor.detach().flatten()[:: strides[name]] for name, tensor in state.items()}
            others = [
                name
                for name, sample in samples.items()
                if not torch.equal(sample, recorded.get(f"{kind}.{name}", sample))
            ]
            yield Deviation.exact("clip", f"{kind}.*", not others, others[-1] if others else "exact")
        changed = {name for name, old in before.items() if not torch.equal(old, parameters[name])}
        same = changed == set(result["changed_parameters"])
        yield Deviation.exact("clip", f"changed_parameters at {clip_range}", same)
        for name, loss, number in (
            ("at_init", at_start, result["l2_init_loss_at_init"]),
            ("perturbed", distance, result["l2_init_loss_perturbed"]),
        ):
            tensor = torch.tensor([float(number)])
            yield folder.compare("clip", f"l2_init_loss_{name} at {clip_range}", loss.reshape(1), tensor)
        same = distance.requires_grad == result["l2_init_loss_has_grad_fn"]
        yield Deviation.exact("clip", f"l2_init_loss gradient at {clip_range}", same)


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
            yield Deviation.exact("edge", f"{label} error", error == expected, note)
            continue
        for name, tensor in recorded.items():
            if name.startswith(f"{case}.out."):
                short = name.removeprefix(f"{case}.out.")
                mine = td["values"] if short == "values" else watch.seen.get(short)
                yield folder.compare("edge", f"{label} {short}", mine, tensor)
        ids = [_feature_ids(text) for text in told["warnings"]]
        named = [found for warning in caught if (found := _feature_ids(str(warning.message)))]
        yield Deviation.exact("edge", f"{label} warnings", ids == named, str(named or "none"))
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
        yield Deviation.exact("edge", f"{label} {name}", value == told[name])


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
