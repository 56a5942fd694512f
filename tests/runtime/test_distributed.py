import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist
from torch import nn

from policyfix.runtime.distributed import DistributedPolicyAgent, unwrap


@pytest.mark.skipif(not dist.is_available(), reason="this torch has no torch.distributed")
def test_two_ranks_stay_equal() -> None:
    script = Path(__file__).with_name("two_ranks.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(script)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("equal") == 2


def test_without_a_process_group_the_wrapper_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="init_process_group"):
        DistributedPolicyAgent(nn.Linear(2, 2))


def test_what_is_not_wrapped_is_its_own_agent() -> None:
    module = nn.Linear(2, 2)
    assert unwrap(module) is module
