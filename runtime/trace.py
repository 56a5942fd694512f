"""What a forward saw and kept, in words: shapes, dtypes, resets and the size of the recurrent state."""

from collections.abc import Callable

from tensordict import TensorDictBase
from torch import Tensor

# Takes one line per forward: `print`, a logger's `debug`, a list's `append`.
Sink = Callable[[str], object]


def describe(name: str, tensor: Tensor) -> str:
    """`name [shape] dtype`."""
    return f"{name} {list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def describe_state(names: tuple[str, ...], state: tuple[Tensor, ...]) -> str:
    """Shape and Frobenius norm of each tensor of a recurrent state. Waits for the device."""
    return ", ".join(
        f"{name} {list(part.shape)} norm {part.detach().float().norm().item():.4g}"
        for name, part in zip(names, state, strict=True)
    )


def describe_forward(
    td: TensorDictBase,
    sequences: Tensor,
    resets: Tensor | None,
    names: tuple[str, ...],
    before: tuple[Tensor, ...],
    after: tuple[Tensor, ...],
    *,
    training: bool,
) -> str:
    """One line on a forward over the features `sequences` `[B, T, I]`. Waits for the device."""
    entries = ", ".join(
        describe(str(key), entry) for key, entry in td.items(True, True) if isinstance(entry, Tensor)
    )
    count = 0 if resets is None else int(resets.sum())
    return (
        f"{'training' if training else 'rollout'} B={sequences.shape[0]} T={sequences.shape[1]}: {entries}; "
        f"{describe('features', sequences)}; {count} resets; "
        f"state before: {describe_state(names, before)}; after: {describe_state(names, after)}"
    )
