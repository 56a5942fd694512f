"""Sampled actions follow the policy's own distribution: a histogram against exp(full_log_probs)."""

import torch
from torch import Tensor

from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "sample one joint index a row from softmax(logits) and write its (type, argument) pair"


def probe(bench: Bench) -> str:
    samples = 512
    policy = bench.policy()
    observations = bench.observations(1).expand(samples, -1, -1).clone()
    td = bench.step(policy, observations)
    actions, log_probs = td.get(bench.contract.rollout.actions), bench.outputs(td).full_log_probs
    if actions is None or actions.shape != (samples, 2):
        raise NotApplicableError("the rollout writes no action pair a row (see PV104)")
    if bool((actions == actions[0]).all()) and float(log_probs.amax()) < -0.1:
        pair = tuple(actions[0].tolist())
        raise BrokenClauseError(f"all {samples} sampled actions are {pair}, whatever the logits say")
    separate = td[bench.contract.rollout.full_log_probs]
    if separate.ndim == 3 and separate.shape[2] == 2:  # [B, choices, dimension]; PV510 has something to say
        kinds, arguments = zip(actions.long().unbind(1), separate[0].unbind(1), strict=True)
        return f"types: {_compare(*kinds)}; arguments: {_compare(*arguments)}"
    joint = bench.joint_actions()
    matches = (actions.unsqueeze(1) == joint).all(-1)  # [samples, joint actions]
    if not bool(matches.any(1).all()):
        illegal = actions[~matches.any(1)][0].tolist()
        raise BrokenClauseError(f"sampled {tuple(illegal)}, which is no legal (type, argument)")
    if log_probs.shape[1] > len(joint):
        raise NotApplicableError(f"{log_probs.shape[1]} logits for {len(joint)} joint actions (see PV510)")
    return _compare(matches.int().argmax(1), log_probs[0])


def _compare(drawn: Tensor, log_probs: Tensor) -> str:
    """How near the indices `drawn` `[samples]` are to the distribution of `log_probs` `[choices]`."""
    samples, choices = len(drawn), len(log_probs)
    expected = samples * log_probs.double().exp()
    observed = torch.bincount(drawn[(drawn >= 0) & (drawn < choices)], minlength=choices).double()
    chi_square = float(((observed - expected) ** 2 / expected.clamp_min(1e-9)).sum())
    # Mean + 8 standard deviations of chi-square with A - 1 degrees of freedom: never reached by chance.
    freedom = int((expected > 0).sum()) - 1
    bound = freedom + 8 * (2 * freedom) ** 0.5
    told = f"exp(full_log_probs): chi-square {chi_square:.0f}, at most {bound:.0f}"
    if chi_square > bound or int(observed.sum()) < samples:
        raise BrokenClauseError(f"{samples} samples do not follow {told}")
    return f"{samples} samples follow {told}"
