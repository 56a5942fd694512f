"""A sequence evaluated in one [B, T] training forward equals the same sequence stepped in a rollout.

Same weights, observations, actions, boundaries: the log-probs and values must be the same, or the importance
ratio of the first minibatch is not 1. Each variant of the sequence is reported separately.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..harness import TOLERANCE, Bench, BrokenClauseError, NotApplicableError, Outputs, difference

HINT = (
    "carry the state in the rollout, and in training start from the group's stored state and zero it "
    "at every boundary inside the row"
)
BATCH, STEPS = 4, 6

Differences = dict[str, float]  # output key -> largest difference, relative to its magnitude


@dataclass(frozen=True, slots=True)
class Recording:
    """K steps of B rows as a rollout went through them, rows first."""

    observations: Tensor  # uint8 [B, K, M, 3]
    actions: Tensor  # int32 [B, K, 2]
    dones: Tensor  # bool [B, K]
    truncateds: Tensor  # bool [B, K]
    outputs: Outputs  # [B, K]; act_log_prob is NaN where no action was sampled


def probe(bench: Bench) -> str:
    reachable = bench.reachable_actions()
    variants: dict[str, Callable[[], Differences]] = {
        "no boundary": lambda: _from_reset(bench, reachable),
        "done inside the row": lambda: _from_reset(bench, reachable, done_at=((1, 2), (3, 0))),
        "truncation inside the row": lambda: _from_reset(bench, reachable, truncated_at=((2, 3), (0, 5))),
        "row that starts in mid-episode": lambda: _mid_episode(bench, reachable),
        "two interleaved groups": lambda: _interleaved(bench, reachable),
    }
    broken, sound = [], []
    for name, run in variants.items():
        try:
            differences = run()
        except Exception as error:
            if name == "no boundary":
                raise  # nothing runs, or nothing can be compared: no variant says more
            if isinstance(error, NotApplicableError):
                sound.append(f"{name} not run: {error}")
            else:
                broken.append(f"{name}: {type(error).__name__}: {error}")
            continue
        apart = [f"{key} by {size:.1e}" for key, size in differences.items() if size > TOLERANCE]
        if apart:
            broken.append(f"{name}: training differs in {', '.join(apart)}")
        else:
            sound.append(f"{name} agrees within {max(differences.values()):.1e}")
    if broken:
        raise BrokenClauseError("; ".join(broken + sound))
    return "; ".join(sound)


def _from_reset(
    bench: Bench,
    reachable: Tensor,
    done_at: tuple[tuple[int, int], ...] = (),
    truncated_at: tuple[tuple[int, int], ...] = (),
) -> Differences:
    policy = bench.policy()
    dones = bench.flags(BATCH, STEPS, at=done_at)
    truncateds = bench.flags(BATCH, STEPS, at=truncated_at)
    return _replayed(bench, bench.twin(policy), _record(bench, policy, reachable, dones, truncateds), group=0)


def _mid_episode(bench: Bench, reachable: Tensor) -> Differences:
    policy, twin = bench.policy(), bench.policy()
    memory = bench.contract.memory
    if not all(callable(getattr(policy, name, None)) for name in (memory.get, memory.set)):
        raise NotApplicableError(f"the policy has no {memory.get} and {memory.set} (see PV202)")
    quiet = bench.flags(BATCH, STEPS)
    _record(bench, policy, reachable, quiet[:, :3], quiet[:, :3])
    snapshot = copy.deepcopy(getattr(policy, memory.get)())
    recording = _record(bench, policy, reachable, quiet, quiet)
    getattr(twin, memory.set)(snapshot)
    return _replayed(bench, twin, recording, group=0)


def _interleaved(bench: Bench, reachable: Tensor) -> Differences:
    policy, groups = bench.policy(), (0, BATCH)
    quiet = bench.flags(BATCH, 1)
    parts: dict[int, list[Recording]] = {group: [] for group in groups}
    for _ in range(STEPS):
        for group in groups:
            parts[group].append(_record(bench, policy, reachable, quiet, quiet, group))
    first, second = (_replayed(bench, bench.twin(policy), _joined(parts[group]), group) for group in groups)
    return {key: max(first[key], second[key]) for key in first}


def _record(
    bench: Bench, policy: Any, reachable: Tensor, dones: Tensor, truncateds: Tensor, group: int = 0
) -> Recording:
    observations, actions, outputs = [], [], []
    for done, truncated in zip(dones.T, truncateds.T, strict=True):
        observed = bench.observations(BATCH)
        td = bench.step(policy, observed.clone(), dones=done, truncateds=truncated, group=group)
        sampled = td.get(bench.contract.rollout.actions)
        if sampled is None or sampled.shape != (BATCH, 2):
            raise NotApplicableError("the rollout writes no action pair a row (see PV104)")
        legal = (sampled.unsqueeze(1) == reachable).all(-1).any(-1)
        output = bench.outputs(td)
        observations.append(observed)
        # Training may stumble over a pair that is no action: it is given another one, of another log-prob.
        actions.append(torch.where(legal.unsqueeze(1), sampled, reachable[0]))
        outputs.append(replace(output, act_log_prob=output.act_log_prob.where(legal, torch.nan)))
    return Recording(
        torch.stack(observations, 1), torch.stack(actions, 1), dones, truncateds, _stacked(outputs)
    )


def _stacked(steps: list[Outputs]) -> Outputs:
    return Outputs(
        torch.stack([step.act_log_prob for step in steps], 1),
        torch.stack([step.value for step in steps], 1),
        torch.stack([step.full_log_probs for step in steps], 1),
    )


def _joined(parts: list[Recording]) -> Recording:
    return Recording(
        torch.cat([part.observations for part in parts], 1),
        torch.cat([part.actions for part in parts], 1),
        torch.cat([part.dones for part in parts], 1),
        torch.cat([part.truncateds for part in parts], 1),
        Outputs(
            torch.cat([part.outputs.act_log_prob for part in parts], 1),
            torch.cat([part.outputs.value for part in parts], 1),
            torch.cat([part.outputs.full_log_probs for part in parts], 1),
        ),
    )


def _replayed(bench: Bench, policy: Any, recording: Recording, group: int) -> Differences:
    """Differences between the recording and one training forward of it."""
    td = bench.train(
        policy,
        recording.observations.clone(),
        recording.actions,
        dones=recording.dones,
        truncateds=recording.truncateds,
        group=group,
    )
    rollout = recording.outputs
    trained = bench.training_outputs(td, *recording.dones.shape)
    sampled = ~rollout.act_log_prob.isnan()
    keys = bench.contract.training
    return {
        keys.act_log_prob: difference(trained.act_log_prob[sampled], rollout.act_log_prob[sampled]),
        keys.value: difference(trained.value, rollout.value),
        keys.full_log_probs: difference(trained.full_log_probs, rollout.full_log_probs),
    }
