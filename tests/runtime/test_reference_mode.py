"""The switches of the base class, one at a time."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from policyfix.runtime.modes import REFERENCE, SOUND

ACTION = torch.zeros(3, 4, 2, dtype=torch.int32)


def values(agent, td) -> Tensor:
    with torch.no_grad():
        return agent(td)["values"]


@pytest.mark.parametrize("mode", ["sound", "reference", replace(SOUND, reset_on_either_flag=False)])
@pytest.mark.parametrize("given", [("dones",), ("truncateds",), ("dones", "truncateds")])
def test_one_flag_is_enough_or_both_are_needed(mode, given, policy, batch) -> None:
    agent, fresh = policy(mode=mode), policy()
    values(agent, batch(3))
    flags = {key: torch.tensor([key == given[0], False, False]) for key in given}
    got = values(agent, batch(3, seed=1, **flags))
    expected = values(fresh, batch(3, seed=1))
    resets = mode == "sound" or len(given) == 2
    assert torch.allclose(got[0], expected[0]) == resets
    assert not torch.allclose(got[1], expected[1])


@pytest.mark.parametrize("mode", ["sound", "reference", replace(SOUND, reset_within_sequences=False)])
def test_flags_inside_a_training_row_reset_or_are_ignored(mode, policy, batch) -> None:
    agent = policy(mode=mode)
    dones = torch.zeros(3, 4)
    dones[1, 2] = 1
    plain = policy()(batch(3, 4), action=ACTION)["value"]
    flagged = agent(batch(3, 4, dones=dones, truncateds=torch.zeros(3, 4)), action=ACTION)["value"]
    assert torch.allclose(flagged[1, 2:], plain[1, 2:]) == (mode != "sound")
    torch.testing.assert_close(flagged[[0, 2]], plain[[0, 2]])


@pytest.mark.parametrize("mode", ["sound", "reference", replace(SOUND, training_leaves_memory=False)])
def test_training_leaves_memory_alone_or_goes_on_from_it(mode, policy, batch) -> None:
    agent = policy(mode=mode)
    first = agent(batch(3, 4), action=ACTION)["value"]
    assert bool(agent.get_memory()) == (mode != "sound")
    second = agent(batch(3, 4), action=ACTION)["value"]
    assert torch.equal(first, second) == (mode == "sound")
    agent.reset_memory()
    torch.testing.assert_close(agent(batch(3, 4), action=ACTION)["value"], first)
    assert all(not part.requires_grad for state in agent.get_memory().values() for part in state)


def test_clip_bounds_are_of_magnitude_or_signed(policy) -> None:
    def bound(mode) -> float:
        agent = policy(mode=mode, clip_range=0.5, clip_strategy="per_layer")
        with torch.no_grad():
            agent.policy.critic.weight.copy_(torch.full((1, 6), 9.0))
        agent.clip_weights()
        return agent.policy.critic.weight.max().item()

    weight = policy().policy.critic.weight
    assert bound(SOUND) == pytest.approx(weight.abs().max().item() / 2)
    assert bound(REFERENCE) == pytest.approx(weight.max().item() / 2)
    assert bound(SOUND) != bound(REFERENCE)
