"""The recurrent state that a policy keeps between rollout steps, one slot per environment group.

A state is a tuple of tensors `[L, B, H]`, as many as the core has: (h, c) of an LSTM, (h,) of a GRU.
"""

from collections.abc import Callable, Mapping, MutableMapping
from numbers import Integral
from typing import Any, Self

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from .modes import SOUND, Mode
from .nets.at_hand import is_at_hand
from .nets.gru import masked_gru
from .nets.lstm import masked_lstm

ENVIRONMENT_KEY = "training_env_id_start"
BOUNDARY_KEYS = ("dones", "truncateds")

# (h, c), or what else a core has, each `[L, B, H]`.
State = tuple[Tensor, ...]
# A state as a forward's caller brings it, and gets the new one back: by name, None where it has none.
NamedState = MutableMapping[str, Tensor | None]
# Environment group -> state.
Snapshot = dict[int, State]

_STATE_NAMES = {"LSTM": ("lstm_h", "lstm_c"), "GRU": ("gru_h",)}


def state_names(core: nn.Module) -> tuple[str, ...]:
    """What the tensors of a core's state are called where they are passed by name: its `state_names`.

    LSTMs have `("lstm_h", "lstm_c")`, GRUs `("gru_h",)`. Raises ValueError for a core that does not say.
    """
    names = getattr(core, "state_names", None) or _STATE_NAMES.get(str(getattr(core, "mode", None)))
    if not names:
        raise ValueError(
            f"a recurrent core of type {type(core).__name__} must name the tensors of its state, as in "
            "state_names = ('h',), and be called with (inputs [B, T, I], state, resets [B, T] or None)"
        )
    return tuple(names)


def run_core(
    core: nn.Module, inputs: Tensor, state: State, resets: Tensor | None = None
) -> tuple[Tensor, State]:
    """Run a recurrent core over `inputs` `[B, T, I]` from `state`, zeroed where `resets` `[B, T]` is.

    `core` is an LSTM (see `masked_lstm`), a GRU (see `masked_gru`) or a module of the same signature as this
    function without `core`. Returns the outputs `[B, T, H]` and the state after the last step.
    """
    kind = core.mode if isinstance(core, nn.RNNBase) else None
    if kind == "LSTM":
        h, c = state
        return masked_lstm(core, inputs, (h, c), resets)  # type: ignore[arg-type]
    if kind == "GRU":
        return masked_gru(core, inputs, state, resets)  # type: ignore[arg-type]
    returned = core(inputs, state, resets)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ValueError(
            f"{type(core).__name__} must return (outputs [B, T, H], state), got a {type(returned).__name__}"
        )
    outputs, end = returned
    shapes, wanted = ([part.shape for part in parts] for parts in (end, state))
    if outputs.shape[:2] != inputs.shape[:2] or shapes != wanted:
        raise ValueError(
            f"{type(core).__name__} must return outputs [B, T, H] and a state of {_told(wanted)} for "
            f"[B, T] = {list(inputs.shape[:2])}, got {list(outputs.shape)} and {_told(shapes)}"
        )
    return outputs, tuple(end)


def _told(shapes: list[torch.Size]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)


def episode_starts(td: TensorDictBase, batch_size: int, steps: int, mode: Mode = SOUND) -> Tensor | None:
    """Bool `[B, T]`: true where an episode begins. None when `td` carries no boundary flags.

    Raises ValueError when they are not one per step.
    """
    if not mode.reset_on_either_flag and any(td.get(key, None) is None for key in BOUNDARY_KEYS):
        return None
    resets: Tensor | None = None
    for key in BOUNDARY_KEYS:
        flags = td.get(key, None)
        if flags is None:
            continue
        if flags.numel() != batch_size * steps:
            raise ValueError(
                f"{key} must have one entry per step, [B, T] = {[batch_size, steps]}, got {list(flags.shape)}"
            )
        flags = flags.reshape(batch_size, steps)
        resets = flags if resets is None else torch.logical_or(resets, flags)
    return None if resets is None else resets.bool()


class StateStore(nn.Module):
    """Recurrent states of many environment groups in three dense tensors.

    A group is named by the first entry of `td["training_env_id_start"]` (any int64; 0 where the key is
    missing). Its slot is found on the device by comparing ids, so no step waits for the host. Everything
    stored is detached.

    In a forward of your own, `unroll` takes the place of the LSTM call:

        hidden, (h, c) = self.memory.unroll(self.lstm, features, td, training=action is not None)

    The tensors follow `.to(device)` and `.to(dtype)`, but they are not buffers: DistributedDataParallel
    copies rank 0's buffers to all ranks, and every rank has environments of its own. They stay out of the
    `state_dict` too, and copies and pickles of the module start empty.

    Shapes: `group_ids` and `group_rows` int64 `[S]` (`group_rows` is the group's batch size, 0 where the slot
    is free); `states` float `[S, P, L, R, H]`, with P the tensors of a state (2: h before c), R the largest
    batch size met.
    """

    _tensors = ("group_ids", "group_rows", "states")
    group_ids: Tensor
    group_rows: Tensor
    states: Tensor

    def __init__(
        self, num_layers: int, hidden_size: int, memory_slots: int = 16, *, parts: int = 2, mode: Mode = SOUND
    ) -> None:
        """`memory_slots`: environment groups that can be known at once; on the CPU the store grows by itself.

        `parts`: the tensors of a state, 2 for an LSTM, 1 for a GRU. `mode`: whose resets `unroll` makes.

        Raises ValueError when a size is smaller than 1.
        """
        super().__init__()
        for name, size in (
            ("num_layers", num_layers),
            ("hidden_size", hidden_size),
            ("memory_slots", memory_slots),
            ("parts", parts),
        ):
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        self.num_layers = num_layers
        self.hidden_size = hidden_size
        self.mode = mode
        self.group_ids = torch.zeros(memory_slots, dtype=torch.int64)
        self.group_rows = torch.zeros(memory_slots, dtype=torch.int64)
        self.states = torch.zeros(memory_slots, parts, num_layers, 0, hidden_size)

    def recall(self, td: TensorDictBase, batch_size: int, erased: Tensor | None = None) -> State:
        """The state of the group that `td` comes from, zero in the rows where `erased` bool `[B]` is true.

        Zeros for a group that is new, or whose batch size has changed: other rows are other environments.
        """
        if batch_size > self.states.shape[3]:  # larger than every batch stored so far
            return self.zeros(batch_size)
        if is_at_hand(self.states):
            index, rows = self._locate_on_host(self._group_on_host(td))
            if rows != batch_size:
                return self.zeros(batch_size)
            known = self.states[index, :, :, :rows].clone()
            # Few rows are written faster than a mask is applied.
            if erased is not None and (few := erased.numpy().nonzero()[0]).size:
                known.index_fill_(2, torch.from_numpy(few), 0.0)
            return known.unbind()
        slot, fitness = self._locate(self._group(td))
        lost = (fitness < 2) | (self.group_rows.index_select(0, slot) != batch_size)
        if erased is not None:
            lost = (lost | erased).unsqueeze(1)
        return tuple(self.states.index_select(0, slot)[0, :, :, :batch_size].masked_fill(lost, 0.0).unbind())

    def zeros(self, batch_size: int) -> State:
        """The state at the beginning of an episode."""
        shape = (self.num_layers, batch_size, self.hidden_size)
        return tuple(self.states.new_zeros(shape) for _ in range(self.states.shape[1]))

    def start(
        self, td: TensorDictBase, batch_size: int, steps: int, given: State | None, *, training: bool
    ) -> tuple[State, Tensor | None]:
        """The state from which a forward over `td` starts, and bool `[B, T]` what its core has to reset.

        The state is `given`, or the store's, which is zero already where an episode begins at the first step.
        """
        resets = self.resets(td, batch_size, steps, training=training)
        if given is not None:
            return given, resets
        state = self.initial(td, batch_size, None if resets is None else resets[:, 0], training=training)
        return state, None if steps == 1 else resets

    def initial(
        self, td: TensorDictBase, batch_size: int, erased: Tensor | None = None, *, training: bool
    ) -> State:
        """What the store has for a forward over `td`, zero in the rows where `erased` bool `[B]` is true."""
        unnamed = training and td.get(ENVIRONMENT_KEY, None) is None
        if unnamed and self.mode.training_leaves_memory:
            return self.zeros(batch_size)
        return self.recall(td, batch_size, erased)

    def resets(self, td: TensorDictBase, batch_size: int, steps: int, *, training: bool) -> Tensor | None:
        """Bool `[B, T]`: the steps before which a forward over `td` zeroes a row's state. None: nowhere."""
        if training and not self.mode.reset_within_sequences:
            return None
        return episode_starts(td, batch_size, steps, self.mode)

    def keep(self, td: TensorDictBase, state: State, *, training: bool) -> None:
        """Store the state after a forward over `td`, where such a forward does."""
        if not (training and self.mode.training_leaves_memory):
            self.remember(td, *state)

    def unroll(
        self,
        lstm: nn.Module,
        inputs: Tensor,
        td: TensorDictBase,
        state: State | None = None,
        *,
        training: bool,
    ) -> tuple[Tensor, State]:
        """Run a recurrent core as `lstm(inputs, state)` would, but with memory.

        A rollout starts from the state of the group that `td` comes from, and keeps the new one. Training
        starts from it where `td` names its group and the batch size fits, else from zeros, and keeps nothing.
        A row's state is zeroed before the steps at which its episode begins (see `episode_starts`).

        Args:
            lstm: a core of this store's depth and width; see `run_core`.
            inputs: `[T, B, I]`; `[B, T, I]` where `lstm.batch_first`, or where that is no `nn.RNNBase`.
            td: the TensorDict of the forward, of batch size `[B]`, `[B, T]` or `[B*T]`.
            state: where given, the store is neither read nor written.
            training: whether given actions are evaluated over whole sequences, rather than a rollout stepped.

        Returns:
            The outputs of the last layer, laid out as `inputs`, and the attached state after the last step.

        Raises:
            ValueError: boundary flags that do not fit; a core that `run_core` does not run.
        """
        batch_first = bool(getattr(lstm, "batch_first", True))
        sequences = inputs if batch_first else inputs.transpose(0, 1)
        batch_size, steps = sequences.shape[:2]
        start, resets = self.start(td, batch_size, steps, state, training=training)
        outputs, end = run_core(lstm, sequences, start, resets)
        if state is None:
            self.keep(td, end, training=training)
        return outputs if batch_first else outputs.transpose(0, 1), end

    @torch.no_grad()
    def remember(self, td: TensorDictBase, *state: Tensor) -> None:
        """Keep the tensors of a state, each `[L, B, H]`, detached, for the group that `td` comes from.

        Raises RuntimeError when more than `memory_slots` groups are alive on an accelerator (there as a
        device-side assertion, which reports at the next synchronisation).
        """
        self._write(self._group_on_host(td) if is_at_hand(self.states) else self._group(td), state)

    def has_memory(self) -> bool:
        """True: the policy that owns a store is recurrent."""
        return True

    def get_memory(self) -> Snapshot:
        """Copies of every known group's state: group id -> state. Waits for the device."""
        return {
            group: tuple(part.clone() for part in self.states[slot, :, :, :rows].unbind())
            for slot, (group, rows) in enumerate(
                zip(self.group_ids.tolist(), self.group_rows.tolist(), strict=True)
            )
            if rows
        }

    @torch.no_grad()
    def set_memory(self, memory: Mapping[int, State]) -> None:
        """Replace everything known by copies of `memory`, as `get_memory` returns it.

        Raises TypeError for what is no such mapping, ValueError when a state is not `[L, B, H]`; the store is
        unchanged then.
        """
        if not isinstance(memory, Mapping) or not all(isinstance(group, Integral) for group in memory):
            raise TypeError("a memory maps the id of each environment group, an integer, to its state")
        parts = self.states.shape[1]
        for group, state in memory.items():
            shapes = [list(part.shape) for part in state]
            fits = [len(shape) == 3 and shape[::2] == [self.num_layers, self.hidden_size] for shape in shapes]
            if len(state) != parts or not all(fits) or shapes != shapes[:1] * parts:
                raise ValueError(
                    f"memory of group {group}: {parts} tensors of [L={self.num_layers}, B, "
                    f"H={self.hidden_size}] are needed, got {' and '.join(map(str, shapes))}"
                )
        self.reset_memory()
        self._allocate(max(len(memory), self.states.shape[0]), self.states.shape[3])
        for group, state in memory.items():
            at_hand = is_at_hand(self.states)
            name = int(group) if at_hand else torch.tensor([group], device=self.group_ids.device)
            self._write(name, tuple(state))

    @torch.no_grad()
    def reset_memory(self) -> None:
        """Forget every group: all start from zeros."""
        self.group_rows.zero_()

    @torch.no_grad()
    def reset_env_memory(self, group_id: int) -> None:
        """Forget one group; others are untouched. An unknown group is no error."""
        self.group_rows.masked_fill_(self.group_ids == group_id, 0)

    def _group(self, td: TensorDictBase) -> Tensor:
        """The id `[1]` of the environment group of `td`, on the device."""
        ids: Tensor | None = td.get(ENVIRONMENT_KEY, None)
        if ids is None:
            return self.group_ids.new_zeros(1)
        return ids.reshape(-1)[:1].to(self.group_ids)

    @staticmethod
    def _group_on_host(td: TensorDictBase) -> int:
        ids: Tensor | None = td.get(ENVIRONMENT_KEY, None)
        return 0 if ids is None else int(ids.cpu().numpy().flat[0])

    def _locate(self, group: Tensor) -> tuple[Tensor, Tensor]:
        """The best slot `[1]` for a group, and how good it is `[1]`: 2 its own, 1 free, 0 another group's."""
        used = self.group_rows > 0
        fitness, slot = torch.where(self.group_ids == group, 1 + used, ~used).max(dim=0, keepdim=True)
        return slot, fitness

    def _locate_on_host(self, group: int) -> tuple[int, int]:
        """The slot of a group in a store at hand, and its rows; a free slot and 0 for a group that is new.

        Where none is free, the slot behind the last.
        """
        rows = self.group_rows.tolist()
        for slot, id_ in enumerate(self.group_ids.tolist()):
            if id_ == group and rows[slot]:
                return slot, rows[slot]
        return rows.index(0) if 0 in rows else len(rows), 0

    def _write(self, group: Tensor | int, state: State) -> None:
        """Store the state of a group: an integer where the store is at hand, else `[1]`."""
        rows = state[0].shape[1]
        slots, room = self.states.shape[0], self.states.shape[3]
        if isinstance(group, int):
            index, known = self._locate_on_host(group)
            self._allocate(slots * 2 if index == slots else slots, max(rows, room))
            if rows != known:
                self.group_ids[index], self.group_rows[index] = group, rows
            for kept, part in zip(self.states[index, :, :, :rows].unbind(), state, strict=True):
                kept.copy_(part)
            return
        if rows > room:
            self._allocate(slots, rows)
        slot, fitness = self._locate(group)
        torch._assert_async(
            fitness > 0,
            f"more than memory_slots={slots} environment groups: raise memory_slots of the policy",
        )
        self.group_ids.index_copy_(0, slot, group)
        self.group_rows.index_fill_(0, slot, rows)
        kept = torch.stack(state).unsqueeze(0).to(self.states)
        self.states[:, :, :, :rows].index_copy_(0, slot, kept)

    def _allocate(self, slots: int, rows: int) -> None:
        """Make room for `slots` groups of `rows` rows; what is known stays."""
        if (slots, rows) == (self.states.shape[0], self.states.shape[3]):
            return
        # Tensors made in inference mode could not be written outside it.
        with torch.inference_mode(False), torch.no_grad():
            known = self.group_ids.shape[0]
            group_ids, group_rows = self.group_ids.new_zeros(slots), self.group_rows.new_zeros(slots)
            states = self.states.new_zeros(slots, *self.states.shape[1:3], rows, self.hidden_size)
            group_ids[:known], group_rows[:known] = self.group_ids, self.group_rows
            states[:known, :, :, : self.states.shape[3]] = self.states
        self.group_ids, self.group_rows, self.states = group_ids, group_rows, states

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Let the state follow `.to(...)`, as a buffer would."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name in self._tensors:
            setattr(self, name, fn(getattr(self, name)))
        return self

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: everything but the state, which belongs to running environments."""
        kept = self.__dict__.copy()
        kept["group_ids"] = torch.zeros_like(self.group_ids)
        kept["group_rows"] = torch.zeros_like(self.group_rows)
        kept["states"] = self.states.new_zeros(*self.states.shape[:3], 0, self.hidden_size)
        return kept
