from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import policyfix
from policyfix.runtime.checker import construction
from policyfix.runtime.checker.contract import Contract, read_contract
from policyfix.runtime.checker.environment import Environment
from policyfix.runtime.checker.harness import Bench

CONTRACT = Path(policyfix.__file__).parent / "contracts" / "metta.yaml"


@pytest.fixture(scope="session")
def contract_path() -> Path:
    return CONTRACT


@pytest.fixture(scope="session")
def contract() -> Contract:
    return read_contract(CONTRACT)


@pytest.fixture
def bench_of(contract: Contract) -> Callable[[type[nn.Module]], Bench]:
    """A probe's bench for a policy class, as the child makes it."""
    torch.set_num_threads(1)

    def make(policy_class: type[nn.Module], seed: int = 0) -> Bench:
        environment = Environment()
        keywords = construction.accepted_keywords(policy_class, environment, contract)
        generator = torch.Generator().manual_seed(seed)
        return Bench(policy_class, contract, environment, keywords, seed, generator)

    return make
