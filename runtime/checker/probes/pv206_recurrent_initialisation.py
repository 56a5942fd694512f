"""A recurrent core starts as the contract says: orthogonal weights of its gain, every bias its constant.

Judged on the parameters of a new policy. Where it has several recurrent modules, one of them must be such
a core: nothing tells a core over time from one that reads the tokens of a single observation.
"""

import torch
from torch import Tensor, nn

from ..harness import RECURRENT, Bench, BrokenClauseError, NotApplicableError

HINT = "give every weight of the core orthogonal rows or columns, and every bias the contract's constant"
TOLERANCE = 1e-3


def probe(bench: Bench) -> str:
    gain, bias = bench.contract.core_gain, bench.contract.core_bias
    if gain is None or bias is None:
        raise NotApplicableError("the contract does not say how a core starts")
    cores = {path: module for path, module in bench.policy().named_modules() if isinstance(module, RECURRENT)}
    if not cores:
        raise NotApplicableError("the policy has no recurrent module")
    faults = {path: list(_faults(core, gain, bias)) for path, core in cores.items()}
    if all(faults.values()):
        raise BrokenClauseError(
            "; ".join(f"{path}.{fault}" for path, found in faults.items() for fault in found)
        )
    sound = [path for path, found in faults.items() if not found]
    return f"{', '.join(sound)}: orthogonal weights of gain {gain:g}, biases {bias:g}"


def _faults(core: nn.Module, gain: float, bias: float) -> list[str]:
    faults = []
    for name, parameter in core.named_parameters():
        if "bias" in name:
            apart = float((parameter - bias).abs().max())
            wanted = f"{bias:g}"
        else:
            apart, wanted = _from_orthogonal(parameter, gain), f"orthogonal with gain {gain:g}"
        if apart > TOLERANCE:
            faults.append(f"{name} is not {wanted}: off by {apart:.1e}")
    return faults


def _from_orthogonal(weight: Tensor, gain: float) -> float:
    """Largest entry of W'W - gain² I, over the shorter side of a weight [rows, columns]."""
    with torch.no_grad():
        tall = weight if weight.shape[0] >= weight.shape[1] else weight.T
        product = tall.T @ tall
        return float((product - gain**2 * torch.eye(len(product))).abs().max())
