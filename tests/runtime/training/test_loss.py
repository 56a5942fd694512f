import pytest
import torch

from policyfix.runtime.training.loss import normalise, ppo_loss

COEFFICIENTS = {"clip_coef": 0.1, "vf_clip_coef": 0.1, "vf_coef": 0.5, "ent_coef": 0.01}


def batch(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    names = ("act_log_prob", "entropy", "value", "old_act_log_prob", "old_values", "returns", "advantages")
    return {name: torch.randn(3, 4, dtype=torch.float64) for name in names}


def test_steps_that_are_left_out_count_nowhere() -> None:
    steps, where = batch(), torch.ones(3, 4, dtype=torch.bool)
    where[:, -1] = False
    masked = ppo_loss(**steps, where=where, **COEFFICIENTS)
    shorter = ppo_loss(**{name: t[:, :3] for name, t in steps.items()}, **COEFFICIENTS)
    for name in ("total", "policy", "value", "entropy", "approx_kl", "clipfrac"):
        torch.testing.assert_close(getattr(masked, name), getattr(shorter, name))
    steps["returns"][:, -1] = torch.inf
    assert ppo_loss(**steps, where=where, **COEFFICIENTS).total == masked.total


def test_normalisation_is_over_the_steps_that_count() -> None:
    advantages = torch.randn(3, 4)
    where = torch.rand(3, 4) < 0.6
    chosen = advantages[where]
    expected = (chosen - chosen.mean()) / (chosen.std() + 1e-8)
    torch.testing.assert_close(normalise(advantages, where)[where], expected)
    assert normalise(advantages, where)[~where].eq(0).all()
    torch.testing.assert_close(normalise(advantages), (advantages - advantages.mean()) / advantages.std())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_ratio_beyond_the_clip_stops_pushing(sign: float) -> None:
    steps = batch()
    steps["advantages"] = torch.full((3, 4), sign, dtype=torch.float64)
    steps["act_log_prob"] = (steps["old_act_log_prob"] + sign * 0.5).requires_grad_()
    steps["entropy"] = torch.zeros(3, 4, dtype=torch.float64)
    ppo_loss(**steps, **COEFFICIENTS).total.backward()
    assert steps["act_log_prob"].grad.eq(0).all()
