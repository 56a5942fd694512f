"""The PPO objective, and the normalisation of the advantages that enter it."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PPOLoss:
    """Scalars of one minibatch. Only `total` is meant to be differentiated."""

    total: Tensor
    policy: Tensor  # clipped surrogate, to be minimised
    value: Tensor  # half the clipped squared error
    entropy: Tensor  # mean, nats
    approx_kl: Tensor  # mean of (ratio - 1) - log ratio, an estimate of KL(old || new)
    clipfrac: Tensor  # share of steps whose ratio is clipped


def ppo_loss(
    *,
    act_log_prob: Tensor,
    entropy: Tensor,
    value: Tensor,
    old_act_log_prob: Tensor,
    old_values: Tensor,
    returns: Tensor,
    advantages: Tensor,
    clip_coef: float,
    vf_clip_coef: float,
    vf_coef: float,
    ent_coef: float,
    clip_value_loss: bool = True,
    where: Tensor | None = None,
) -> PPOLoss:
    """Clipped policy loss - `ent_coef` * entropy + `vf_coef` * clipped value loss, each a mean over steps.

    All tensors are float `[B, T]` (`value` may be `[B, T, 1]`); the first three come from the policy in
    training and carry gradient, the `old_` ones from the rollout. `advantages` enter as they are: see
    `normalise`. `where`, bool `[B, T]`, leaves steps out of every mean.

    Source: Schulman et al., "Proximal Policy Optimization Algorithms", 2017; the value clip is that of the
    OpenAI baselines.
    """
    log_ratio = act_log_prob - old_act_log_prob
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)
    policy = _mean(torch.maximum(-advantages * ratio, -advantages * clipped), where)

    value = value.view_as(returns)
    error = (value - returns).square()
    if clip_value_loss:
        near = old_values + (value - old_values).clamp(-vf_clip_coef, vf_clip_coef)
        error = torch.maximum(error, (near - returns).square())
    value_loss = 0.5 * _mean(error, where)

    mean_entropy = _mean(entropy, where)
    with torch.no_grad():
        approx_kl = _mean(ratio - 1 - log_ratio, where)
        clipfrac = _mean(((ratio - 1).abs() > clip_coef).to(ratio.dtype), where)
    total = policy - ent_coef * mean_entropy + vf_coef * value_loss
    return PPOLoss(total, policy, value_loss, mean_entropy, approx_kl, clipfrac)


@torch.no_grad()
def normalise(advantages: Tensor, where: Tensor | None = None) -> Tensor:
    """`advantages` `[B, T]` minus their mean, over their standard deviation (n - 1) plus 1e-8.

    Mean and deviation are those of all ranks together where `torch.distributed` is initialised (every rank
    must call it), and of the steps where `where`, bool `[B, T]`, is true; the others become 0.
    """
    weight = torch.ones_like(advantages) if where is None else where.to(advantages.dtype)
    total = _over_ranks(torch.stack([weight.sum(), (advantages * weight).sum()]))
    centred = (advantages - total[1] / total[0]) * weight
    variance = _over_ranks(centred.square().sum()) / (total[0] - 1)
    return centred / (variance.sqrt() + 1e-8)


def _over_ranks(total: Tensor) -> Tensor:
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total)
    return total


def _mean(tensor: Tensor, where: Tensor | None) -> Tensor:
    if where is None:
        return tensor.mean()
    # Selected, not multiplied: what stands in a step that is left out may be infinite.
    return torch.where(where, tensor, 0.0).sum() / where.sum()
