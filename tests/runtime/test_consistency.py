"""One training forward over `[B, T]` gives what T rollout steps gave, whatever happens in between."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor

# Flags as trainers deliver them: absent, bool, float, uint8; flat or with a trailing dimension.
flag_kinds = st.sampled_from([None, torch.bool, torch.float32, torch.uint8])


def flags(kind: torch.dtype | None, density: float, shape: tuple[int, ...]) -> Tensor | None:
    return None if kind is None else (torch.rand(shape) < density).to(kind)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_training_forward_equals_stepped_rollout(data: st.DataObject, policy, batch) -> None:
    rows, steps = data.draw(st.integers(1, 5), "B"), data.draw(st.integers(1, 9), "T")
    groups = data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=3, unique=True), "groups")
    density = data.draw(st.sampled_from([0.0, 0.1, 0.4, 1.0]), "density")
    kinds = {key: data.draw(flag_kinds, key) for key in ("dones", "truncateds")}
    trailing = data.draw(st.booleans(), "trailing dimension")
    warm_up = data.draw(st.integers(0, 3), "steps before the row")
    torch.manual_seed(data.draw(st.integers(0, 10_000), "seed"))
    agent = policy(num_layers=data.draw(st.integers(1, 3), "layers"))
    torch.manual_seed(data.draw(st.integers(0, 10_000), "input seed"))

    def entries(*shape: int) -> dict[str, Tensor]:
        drawn = {key: flags(kind, density, shape) for key, kind in kinds.items()}
        return {key: f.unsqueeze(-1) if trailing else f for key, f in drawn.items() if f is not None}

    streams = {}
    for seed, group in enumerate(groups):
        length = warm_up + steps
        ids = torch.full((rows, length), group)
        streams[group] = batch(rows, length, seed=seed, training_env_id_start=ids, **entries(rows, length))
    start, stepped = {}, {group: [] for group in groups}
    with torch.no_grad():
        for step in range(warm_up + steps):
            if step == warm_up:
                start = agent.get_memory()
            for group in groups:  # interleaved
                td = streams[group][:, step].clone()
                assert agent(td) is td
                stepped[group].append(td)
        end = agent.get_memory()

    for group in groups:
        rollout = torch.stack(stepped[group][warm_up:], dim=1)
        minibatch = streams[group][:, warm_up:]
        agent.set_memory(start)
        out = agent(minibatch, action=rollout["actions"])
        assert out.batch_size == (rows, steps)
        torch.testing.assert_close(out["act_log_prob"], rollout["act_log_prob"], atol=1e-5, rtol=0)
        torch.testing.assert_close(out["full_log_probs"], rollout["full_log_probs"], atol=1e-5, rtol=0)
        torch.testing.assert_close(out["value"].squeeze(-1), rollout["values"], atol=1e-5, rtol=0)
        # The same from an explicit state, which ends where the rollout ended.
        given_h, given_c = start.get(
            group, (torch.zeros_like(end[group][0]), torch.zeros_like(end[group][1]))
        )
        state = {"lstm_h": given_h, "lstm_c": given_c}
        again = agent(minibatch, state, rollout["actions"])
        torch.testing.assert_close(again["act_log_prob"], rollout["act_log_prob"], atol=1e-5, rtol=0)
        torch.testing.assert_close((state["lstm_h"], state["lstm_c"]), end[group], atol=1e-5, rtol=0)


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 4), steps=st.integers(2, 7), seed=st.integers(0, 1000))
def test_gradients_equal_those_of_differentiating_through_single_steps(
    rows: int, steps: int, seed: int, policy, batch
) -> None:
    agent = policy(seed=seed)
    torch.manual_seed(seed)
    dones = torch.rand(rows, steps) < 0.3
    td = batch(rows, steps, seed=seed, dones=dones)
    action = torch.zeros(rows, steps, 2, dtype=torch.int32)
    weight = torch.randn(rows, steps)

    # An explicit state is not cut from its graph, so single steps can be chained by hand.
    h, c = agent.memory.zeros(rows)
    total = torch.zeros(())
    for step in range(steps):
        features = agent.policy.encode_observations(td["env_obs"][:, step])
        keep = ~dones[:, step].view(1, rows, 1)
        out, (h, c) = torch.nn.LSTM.forward(_as_lstm(agent), features[None], (h * keep, c * keep))
        logits, value = agent.policy.decode_actions(out[0])
        total = total + (weight[:, step] * (logits.log_softmax(-1)[:, 0] + value[:, 0])).sum()
    expected = torch.autograd.grad(total, list(agent.parameters()))

    out = agent(td, action=action)
    loss = (weight * (out["act_log_prob"] + out["value"].squeeze(-1))).sum()
    for got, wanted in zip(torch.autograd.grad(loss, list(agent.parameters())), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def _as_lstm(agent) -> torch.nn.LSTM:
    """An `nn.LSTM` that shares the agent's parameters."""
    core = torch.nn.LSTM(agent.input_size, agent.hidden_size, agent.num_layers)
    for name, parameter in agent.lstm.named_parameters():
        setattr(core, name, parameter)
    return core


def test_a_row_does_not_depend_on_its_neighbours(policy, batch) -> None:
    agent = policy()
    dones = torch.zeros(4, 6, dtype=torch.bool)
    td = batch(4, 6, dones=dones)
    action = torch.zeros(4, 6, 2, dtype=torch.int32)
    before = agent(td, action=action)["full_log_probs"]
    dones[2, 3] = True
    td["env_obs"][2] = 7
    after = agent(td, action=action)["full_log_probs"]
    torch.testing.assert_close(after[[0, 1, 3]], before[[0, 1, 3]], atol=1e-6, rtol=0)
    assert (after[2] - before[2]).abs().max() > 1e-3


@pytest.mark.parametrize("flag", ["dones", "truncateds"])
def test_a_reset_in_a_rollout_equals_a_new_policy_for_that_row_alone(flag: str, policy, batch) -> None:
    agent, unflagged = policy(), policy()
    with torch.no_grad():
        for one in (agent, unflagged):
            one(batch(3, seed=0))
            one(batch(3, seed=1))
        values = agent(batch(3, seed=2, **{flag: torch.tensor([False, True, False])}))["values"]
        fresh, carried = policy()(batch(3, seed=2))["values"], unflagged(batch(3, seed=2))["values"]
    torch.testing.assert_close(values[1], fresh[1])
    torch.testing.assert_close(values[[0, 2]], carried[[0, 2]])
    assert (values[1] - carried[1]).abs() > 1e-4


def test_without_an_environment_key_or_with_another_batch_size_training_starts_from_zeros(
    policy, batch
) -> None:
    agent, action = policy(), torch.zeros(3, 4, 2, dtype=torch.int32)
    td = batch(3, 4)
    expected = agent(td, action=action)["value"]
    with torch.no_grad():
        agent(batch(3))
        agent(batch(3, training_env_id_start=torch.full((3,), 5)))
    memory = agent.get_memory()
    torch.testing.assert_close(agent(td, action=action)["value"], expected)
    carried = agent(TensorDict(td, [3, 4]).set("training_env_id_start", torch.full((3, 4), 5)), action=action)
    assert (carried["value"] - expected).abs().max() > 1e-4
    smaller = td[:2].set("training_env_id_start", torch.full((2, 4), 5))
    torch.testing.assert_close(agent(smaller, action=action[:2])["value"], expected[:2])
    after = agent.get_memory()
    assert memory.keys() == after.keys() == {0, 5}
    for group, state in memory.items():
        torch.testing.assert_close(after[group], state, atol=0, rtol=0)
