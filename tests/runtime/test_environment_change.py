"""What the agent tells a policy when the environment changes."""

import pytest
import torch
from torch import Tensor, nn

from policyfix.runtime.modes import REFERENCE


def table(changes: dict[int, int]) -> Tensor:
    result = torch.arange(256, dtype=torch.uint8)
    for new, original in changes.items():
        result[new] = original
    return result


def values(agent, td) -> Tensor:
    agent.reset_memory()
    with torch.no_grad():
        return agent(td.clone())["values"]


def test_remapped_features_are_read_as_the_original_ones(policy, batch) -> None:
    agent = policy()
    td = batch(4)
    td["env_obs"][..., 1] %= 3
    renamed = td.clone()
    renamed["env_obs"][..., 1] += 200
    before = renamed["env_obs"].clone()
    expected = values(agent, td)
    assert (values(agent, renamed) - expected).abs().max() > 1e-4
    agent._apply_feature_remapping(table({200: 0, 201: 1, 202: 2}))
    torch.testing.assert_close(values(agent, renamed), expected)
    assert torch.equal(renamed["env_obs"], before)
    action = torch.zeros(4, 2, dtype=torch.int32)
    agent._apply_feature_remapping(table({}))
    plain = agent(td.unsqueeze(1), action=action)["value"]
    agent._apply_feature_remapping(table({200: 0, 201: 1, 202: 2}))
    torch.testing.assert_close(agent(renamed.unsqueeze(1), action=action)["value"], plain)
    agent._apply_feature_remapping(table({}))
    torch.testing.assert_close(values(agent, td), expected)  # the old table is gone
    assert not any("remap" in name for name in agent.state_dict())


def test_a_remapping_that_cannot_be_applied_is_refused(policy, env) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[256\], got \[3\] torch.int64"):
        policy()._apply_feature_remapping(torch.arange(3))
    grid = policy(env=env((4, 7)))
    grid._apply_feature_remapping(table({}))
    with pytest.raises(ValueError, match=r"tokens \[M, 3\], not in \[4, 7\]"):
        grid._apply_feature_remapping(table({1: 2}))


class Normaliser(nn.Module):
    factors = torch.ones(256)

    def update_normalization_tensor(self, factors: Tensor) -> None:
        self.factors = factors


def test_normalisations_reach_the_net_at_the_ids_that_it_was_trained_with(policy, net) -> None:
    def build(**config):
        wrapped = net()
        wrapped.normaliser = Normaliser()
        return policy(wrapped, **config)

    features = {
        "hp": {"id": 9, "normalization": 30.0},
        "new": {"id": 4, "normalization": 5},
        "x": {"id": 5},
    }
    agent = build()
    agent.update_normalization_factors(features, {"hp": 2})
    expected = torch.ones(256)
    expected[[2, 4]] = torch.tensor([30.0, 5.0])
    assert torch.equal(agent.policy.normaliser.factors, expected)
    agent.update_normalization_factors(features)
    assert agent.policy.normaliser.factors[9] == 30
    deaf = build(mode=REFERENCE)
    deaf.update_normalization_factors(features)
    deaf._apply_feature_remapping(table({1: 2}))
    assert (deaf.policy.normaliser.factors == 1).all()
    assert not deaf._remaps
