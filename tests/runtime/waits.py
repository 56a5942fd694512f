"""A recorder of the operators for which an accelerator has to be waited for."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = {
    "_local_scalar_dense",
    "item",
    "nonzero",
    "unique",
    "_unique2",
    "masked_select",
    "equal",
    "is_nonzero",
    # These look at values inside of themselves: a draw checks its probabilities.
    "multinomial",
    "bincount",
    "repeat_interleave",
}
_INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


def _waits(name: str, args: tuple) -> bool:
    if name in _INDEXING:  # by a mask: how much it picks is a value
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return name in WAITING


class Waits(TorchDispatchMode):
    """Records operators that read a value back to the host, or whose shape depends on one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if _waits(func.overloadpacket.__name__, args):
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))
