"""A recorder of the operators for which an accelerator has to be waited for."""

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
}


class Waits(TorchDispatchMode):
    """Records operators that read a value back to the host, or whose shape depends on one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in WAITING:
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))
