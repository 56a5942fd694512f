"""The five policies under a compiler, on another device, in lower precision."""

import pytest
import torch
from elsewhere import ELSEWHERE, devices, moved
from torch import Tensor
from waits import Waits


def flags(*batch: int) -> dict[str, Tensor]:
    return {"dones": torch.rand(batch) < 0.3, "truncateds": (torch.rand(batch) < 0.3).float()}


def actions(*batch: int) -> Tensor:
    return torch.ones(*batch, 2, dtype=torch.int32)


def test_no_forward_waits_for_a_value(build, step) -> None:
    agent = build(clip_range=0.1)
    rollout, minibatch = step(3, **flags(3)), step(3, 4, **flags(3, 4))
    with Waits() as waits:
        agent(rollout)
        agent(minibatch, action=actions(3, 4))["value"].sum().backward()
        agent.clip_weights()
    assert waits.seen == []


def test_moving_the_policy_leaves_nothing_behind(build, step) -> None:
    agent = build()
    agent(step(3))
    agent.to("meta")
    out = agent(step(3, 2, **flags(3, 2)).to("meta"), action=actions(3, 2).to("meta"))
    assert {tensor.device.type for tensor in out.values()} == {"meta"}
    agent(step(3).to("meta"))


def test_nothing_of_the_host_is_read_or_mixed_in(build, step) -> None:
    agent = build(clip_range=0.1)
    with moved(agent):
        with torch.no_grad():
            for rows in (3, 5):  # the state store grows
                entries = flags(rows) | {"training_env_id_start": torch.full((rows,), 2 * rows)}
                out = agent(step(rows, **entries).to(ELSEWHERE))
                assert devices(out.values()) == {ELSEWHERE}
        out = agent(step(3, 4, **flags(3, 4)).to(ELSEWHERE), action=actions(3, 4).to(ELSEWHERE))
        assert devices(out.values()) == {ELSEWHERE}
        (out["act_log_prob"].sum() + out["value"].sum() + out["entropy"].sum()).backward()
        assert devices(parameter.grad for parameter in agent.parameters()) == {ELSEWHERE}
        agent.clip_weights()
        assert devices([agent.l2_init_loss()]) == {ELSEWHERE}


@pytest.mark.parametrize("mode", ["rollout", "training"])
def test_forward_is_one_graph_with_the_same_numbers(mode: str, build, step) -> None:
    batch = (3,) if mode == "rollout" else (3, 3)
    action = None if mode == "rollout" else actions(3, 3)
    agent, reference = build(), build()
    torch._dynamo.reset()
    compiled = torch.compile(agent, fullgraph=True, backend="eager")
    td = step(*batch, **flags(*batch))
    got, expected = compiled(td.clone(), action=action), reference(td.clone(), action=action)
    torch.testing.assert_close(got["full_log_probs"], expected["full_log_probs"], atol=1e-5, rtol=0)
    if action is None:
        torch.testing.assert_close(agent.get_memory()[0], reference.get_memory()[0], atol=1e-5, rtol=0)
        return
    for out in (got, expected):
        (out["act_log_prob"].sum() + out["value"].sum()).backward()
    for one, other in zip(agent.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)


def test_bfloat16_autocast_stays_near_float32(build, step) -> None:
    agent = build()
    td, action = step(3, 4, **flags(3, 4)), actions(3, 4)
    expected = agent(td, action=action)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = agent(td, action=action)
        agent(step(3))
    for key in ("act_log_prob", "entropy", "value"):
        assert out[key].dtype == torch.float32
        assert (out[key] - expected[key]).abs().max() < 2e-2
