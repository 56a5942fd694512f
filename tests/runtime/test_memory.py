import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor

from policyfix.runtime import StateStore, memory

LAYERS, HIDDEN = 2, 3


def step(group: int | None, rows: int) -> TensorDict:
    entries = {} if group is None else {"training_env_id_start": torch.full((rows,), group)}
    return TensorDict(entries, batch_size=[rows])


def state(rows: int, value: float) -> tuple[Tensor, Tensor]:
    return torch.full((LAYERS, rows, HIDDEN), value), torch.full((LAYERS, rows, HIDDEN), -value)


def recalled(store: StateStore, group: int | None, rows: int) -> float:
    """The constant that a group's state was filled with; fails when it is torn."""
    h, c = store.recall(step(group, rows), rows)
    assert h.shape == c.shape == (LAYERS, rows, HIDDEN)
    assert torch.equal(h, -c)
    assert (h == h[0, 0, 0]).all()
    return h[0, 0, 0].item()


groups = st.one_of(st.integers(0, 4), st.sampled_from([1_000_000, -1, 2**63 - 1, -(2**63)]))
operations = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), groups, st.integers(1, 5)),
        st.tuples(st.just("forget"), groups, st.just(0)),
        st.tuples(st.just("reset"), st.just(0), st.just(0)),
        st.tuples(st.just("copy"), st.just(0), st.just(0)),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(operations)
def test_the_store_behaves_as_a_dict_of_states(operations: list[tuple[str, int, int]]) -> None:
    store, model = StateStore(LAYERS, HIDDEN, memory_slots=2), dict[int, tuple[int, float]]()
    for count, (operation, group, rows) in enumerate(operations, start=1):
        if operation == "remember":
            store.remember(step(group, rows), *state(rows, count))
            model[group] = (rows, count)
        elif operation == "forget":
            store.reset_env_memory(group)
            model.pop(group, None)
        elif operation == "reset":
            store.reset_memory()
            model.clear()
        else:
            snapshot = store.get_memory()
            store = StateStore(LAYERS, HIDDEN, memory_slots=1)
            store.set_memory(snapshot)
        assert set(store.get_memory()) == set(model)
        for known in {0, 1, 7, *model}:
            rows, value = model.get(known, (2, 0.0))
            assert recalled(store, known, rows) == value
            assert recalled(store, known, rows + 1) == 0  # another batch size: other environments


def test_a_missing_environment_key_is_group_0() -> None:
    store = StateStore(LAYERS, HIDDEN)
    store.remember(step(None, 2), *state(2, 5.0))
    assert recalled(store, 0, 2) == 5
    assert list(store.get_memory()) == [0]


def test_the_group_is_named_by_the_first_entry_of_any_integer_shape() -> None:
    store = StateStore(LAYERS, HIDDEN)
    ids = torch.tensor([[9], [3]], dtype=torch.int32)
    store.remember(TensorDict({"training_env_id_start": ids}, [2]), *state(2, 1.0))
    assert list(store.get_memory()) == [9]


def test_what_is_stored_and_recalled_is_apart_from_what_was_given() -> None:
    store = StateStore(LAYERS, HIDDEN)
    h, c = state(2, 1.0)
    h.requires_grad_()
    store.remember(step(1, 2), h * 2, c * 2)
    snapshot = store.get_memory()
    snapshot[1][0].zero_()
    store.recall(step(1, 2), 2)[0].zero_()
    with torch.no_grad():
        h.zero_()
        c.zero_()
    assert recalled(store, 1, 2) == 2
    assert not store.recall(step(1, 2), 2)[0].requires_grad
    store.set_memory(given := {4: state(2, 3.0)})
    given[4][0].zero_()
    assert recalled(store, 4, 2) == 3


def test_a_malformed_snapshot_is_refused_and_changes_nothing() -> None:
    store = StateStore(LAYERS, HIDDEN)
    store.remember(step(1, 2), *state(2, 1.0))
    h, c = state(2, 1.0)
    for bad in ((h[:1], c[:1]), (h, c[:, :1]), (h[..., :2], c[..., :2]), (h[0], c[0])):
        with pytest.raises(ValueError, match=r"group 8.*\[L=2, B, H=3\]"):
            store.set_memory({8: bad})
    for bad in (None, (h, c), {"8": (h, c)}):
        with pytest.raises(TypeError, match="the id of each environment group"):
            store.set_memory(bad)
    assert recalled(store, 1, 2) == 1


def test_an_infinite_state_does_not_reach_another_group() -> None:
    store = StateStore(LAYERS, HIDDEN)
    store.remember(step(1, 2), *state(2, float("inf")))
    store.reset_memory()
    assert recalled(store, 1, 2) == 0
    assert recalled(store, 2, 2) == 0


def test_state_made_in_inference_mode_serves_afterwards() -> None:
    store = StateStore(LAYERS, HIDDEN, memory_slots=1)
    with torch.inference_mode():
        for group in range(3):
            store.remember(step(group, 2), *state(2, group))
    store.remember(step(0, 2), *state(2, 5.0))  # in place
    assert recalled(store, 0, 2) == 5
    store.remember(step(1, 4), *state(4, 7.0))  # in larger tensors
    (weight := torch.ones(1, requires_grad=True)).mul(store.recall(step(2, 2), 2)[0]).sum().backward()
    assert weight.grad == 2 * LAYERS * 2 * HIDDEN
    assert recalled(store, 1, 4) == 7


def test_the_state_stays_out_of_checkpoints_copies_and_distributed_buffers() -> None:
    store = StateStore(LAYERS, HIDDEN)
    store.remember(step(1, 500), *state(500, 1.0))
    assert store.state_dict() == {}
    assert list(store.named_buffers()) == []  # DistributedDataParallel overwrites buffers with rank 0's
    saved = io.BytesIO()
    torch.save(store, saved)
    assert len(saved.getvalue()) < 10_000
    saved.seek(0)
    copies = [
        copy.deepcopy(store),
        copy.copy(store),
        pickle.loads(pickle.dumps(store)),
        torch.load(saved, weights_only=False),
    ]
    for one in copies:
        assert one.get_memory() == {}
        one.remember(step(1, 5), *state(5, 2.0))
        assert recalled(one, 1, 5) == 2
    assert recalled(store, 1, 500) == 1


def test_the_state_follows_the_module_to_a_device_and_a_dtype() -> None:
    store = StateStore(LAYERS, HIDDEN)
    store.remember(step(1, 2), *state(2, 1.0))
    store.double()
    h, _ = store.recall(step(1, 2), 2)
    assert h.dtype == torch.float64
    assert (h == 1).all()
    store.to("meta")
    assert {t.device.type for t in vars(store).values() if isinstance(t, Tensor)} == {"meta"}


@pytest.mark.parametrize("name", ["num_layers", "hidden_size", "memory_slots"])
def test_sizes_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        StateStore(**({"num_layers": 1, "hidden_size": 1, "memory_slots": 1} | {name: 0}))


def test_where_the_store_cannot_grow_overflow_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    store = StateStore(LAYERS, HIDDEN, memory_slots=2)
    monkeypatch.setattr(memory, "is_at_hand", lambda _: False)  # as on an accelerator
    for group in range(2):
        store.remember(step(group, 1), *state(1, group + 1))
    with pytest.raises(RuntimeError, match="memory_slots"):
        store.remember(step(2, 1), *state(1, 9.0))
    assert recalled(store, 2, 1) == 0
    assert [recalled(store, group, 1) for group in range(2)] == [1, 2]
