"""What accelerators and compilers need: no waiting for values, nothing left behind, one graph."""

import pytest
import torch
from stray import stray
from torch import Tensor
from waits import Waits


def everything(*shape: int) -> dict[str, Tensor]:
    return {
        "training_env_id_start": torch.full(shape, 5),
        "dones": torch.rand(shape) < 0.3,
        "truncateds": (torch.rand(shape) < 0.3).float(),
    }


def test_the_recorder_records() -> None:
    with Waits() as waits:
        bool(torch.ones(1).any())
        torch.ones(3).nonzero()
        torch.ones(3).multinomial(1)
        torch.ones(3)[torch.ones(3) > 0] = 2
        torch.ones(3)[torch.tensor([1])]
    assert len(waits.seen) == 4


def test_no_forward_waits_for_a_value(policy, batch) -> None:
    agent = policy(memory_slots=1)
    with Waits() as waits:
        agent(batch(3, **everything(3)))
        agent(batch(5, **everything(5)))
        agent(batch(5, **(everything(5) | {"training_env_id_start": torch.full((5,), 6)})))  # the store grows
        agent(batch(5, 4, **everything(5, 4)), action=torch.zeros(5, 4, 2, dtype=torch.int32))
        agent.clip_weights()
        agent.reset_memory()
    assert waits.seen == []


def test_moving_the_policy_leaves_no_tensor_behind(policy, batch) -> None:
    agent = policy()
    agent(batch(3))
    agent.to("meta")
    tensors = stray(agent, set())
    assert len(tensors) > 20
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    td = agent(batch(3, 2).to("meta"), action=torch.zeros(3, 2, 2, dtype=torch.int32, device="meta"))
    assert {tensor.device.type for tensor in td.values()} == {"meta"}


@pytest.mark.parametrize("mode", ["rollout", "training"])
def test_forward_is_one_graph_with_the_same_numbers(mode: str, policy, batch) -> None:
    shape = (3,) if mode == "rollout" else (3, 4)
    action = None if mode == "rollout" else torch.zeros(3, 4, 2, dtype=torch.int32)
    agent, reference = policy(), policy()
    torch._dynamo.reset()
    compiled = torch.compile(agent, fullgraph=True, backend="aot_eager")
    for seed in range(2):
        entries = everything(*shape)
        got = compiled(batch(*shape, seed=seed, **entries), action=action)
        expected = reference(batch(*shape, seed=seed, **entries), action=action)
        torch.testing.assert_close(got["full_log_probs"], expected["full_log_probs"], atol=1e-5, rtol=0)
    for one, other in zip(agent.get_memory().items(), reference.get_memory().items(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    if action is not None:
        for out in (got, expected):
            (out["act_log_prob"].sum() + out["value"].sum() + out["entropy"].sum()).backward()
        for one, other in zip(agent.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)


def test_one_compiled_policy_serves_rollouts_and_training(policy, batch) -> None:
    """Of one batch size, over which the compiler generalises only in part."""
    agent = policy()
    torch._dynamo.reset()
    compiled = torch.compile(agent, fullgraph=True, backend="eager")
    with torch.no_grad():
        for _ in range(2):
            compiled(batch(3, **everything(3)))
    for steps in (8, 5):
        td, action = batch(3, steps, **everything(3, steps)), torch.zeros(3, steps, 2, dtype=torch.int64)
        got, expected = compiled(td, action=action), agent(td, action=action)
        torch.testing.assert_close(got["full_log_probs"], expected["full_log_probs"], atol=1e-5, rtol=0)


def test_bfloat16_autocast_stays_near_float32(policy, batch) -> None:
    agent, action = policy(), torch.zeros(3, 4, 2, dtype=torch.int32)
    entries = everything(3, 4)
    expected = agent(batch(3, 4, **entries), action=action)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = agent(batch(3, 4, **entries), action=action)
        agent(batch(3))
    for key in ("act_log_prob", "entropy", "value"):
        assert out[key].dtype == torch.float32
        assert (out[key] - expected[key]).abs().max() < 2e-2
    assert agent.get_memory()[0][0].dtype == torch.float32
