"""The clean trainers train: what `check` is silent on runs, and does what the contract's trainer does."""

import importlib
from pathlib import Path

import pytest
import torch

import policyfix
from policyfix.runtime.checker.construction import activate
from policyfix.runtime.checker.contract import read_contract
from policyfix.runtime.checker.environment import Environment

DATA = Path(__file__).parents[1] / "data"
CONTRACT = Path(policyfix.__file__).parent / "contracts" / "metta.yaml"


class Recorded:
    """Eight environments whose observations are noise; counts what a trainer asks of the policy."""

    def __init__(self, policy):
        self.calls = []
        for name in ("reset_memory", "clip_weights"):
            method = getattr(policy, name)
            setattr(policy, name, lambda name=name, method=method: (self.calls.append(name), method()))

    def recv(self):
        self.calls.append("recv")
        observations = torch.randint(0, 256, (8, 200, 3), dtype=torch.uint8)
        flags = torch.rand(2, 8) < 0.1
        return observations, torch.rand(8), *flags, 0

    def send(self, actions):
        assert actions.shape == (8, 2)


@pytest.mark.parametrize("trainer", ["loop", "learner", "phases"])
def test_trainers_train(trainer, monkeypatch):
    monkeypatch.syspath_prepend(str(DATA))
    torch.manual_seed(0)
    environment = Environment()
    policy = importlib.import_module("clean.cell").Scout(environment, clip_range=0.05)
    activate(policy, environment, read_contract(CONTRACT))
    before = [parameter.detach().clone() for parameter in policy.parameters()]
    env = Recorded(policy)
    module = importlib.import_module(f"clean.{trainer}")
    if trainer == "learner":
        module.Learner(policy, env).train()
    elif trainer == "loop":
        module.train(policy, torch.optim.Adam(policy.parameters(), lr=1e-3), env)
    else:
        module.train(policy, env)
    assert any(not torch.equal(p, old) for p, old in zip(policy.parameters(), before, strict=True))
    assert all(parameter.abs().max() <= 0.05 for parameter in policy.parameters())
    assert env.calls[:2] == ["reset_memory", "recv"]
    learning = env.calls[max(n for n, call in enumerate(env.calls) if call == "recv") + 1 :]
    assert learning[0] == "reset_memory"
    assert learning[-1] == "clip_weights"
