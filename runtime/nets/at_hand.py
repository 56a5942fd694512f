"""What the host may look at, and do by hand: on the CPU, in calls that nothing traces or transforms."""

import numpy as np
import torch
from torch import Tensor


def is_at_hand(tensor: Tensor) -> bool:
    """Whether a tensor's memory is this process's, no compiler traces the call and none of torch.func's
    transforms hides the values: to read it waits for nothing."""
    return (
        tensor.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


def sums_rows(tokens: Tensor, weight: Tensor) -> bool:
    """Whether sums of rows of tables may stand for a net of this weight: they have no other precision."""
    return is_at_hand(tokens) and not torch.is_autocast_enabled("cpu") and weight.dtype == torch.float32


def copy_transposed_(out: Tensor, source: Tensor) -> None:
    """`out.copy_(source)`, of a source that lies otherwise in memory than `out`.

    At hand by numpy, whose copy takes half the time of torch's.
    """
    if is_at_hand(source) and source.dtype in (torch.float32, torch.float64):
        np.copyto(out.numpy(), source.detach().numpy())
    else:
        out.copy_(source)
