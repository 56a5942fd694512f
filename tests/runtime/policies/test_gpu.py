"""The five policies on a GPU, where there is one. What needs none is in test_capture.py."""

from collections.abc import Iterator

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = "cuda"


@pytest.fixture(autouse=True)
def _full_precision() -> Iterator[None]:
    """Sums of products as exact as the CPU's: by default convolutions have ten bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def entries(*batch: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.rand(batch, generator=generator) < 0.3 for key in ("dones", "truncateds")}


def chosen(td: TensorDict) -> Tensor:
    return torch.ones(*td.batch_size, 2, dtype=torch.int32, device=td["env_obs"].device)


def near(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3, check_device=False)


def test_rollouts_and_training_have_the_numbers_of_the_cpu(build, step) -> None:
    here, there = build(), build().to(GPU)
    with torch.no_grad():
        for seed in range(3):
            td = step(5, seed=seed, **entries(5, seed=seed))
            near(there(td.to(GPU))["full_log_probs"], here(td)["full_log_probs"])
    near(there.get_memory(), here.get_memory())
    td = step(5, 6, **entries(5, 6))
    for agent, given in ((here, td), (there, td.to(GPU))):
        out = agent(given, action=chosen(given))
        (out["act_log_prob"].sum() + out["value"].sum() + out["entropy"].sum()).backward()
    for one, other in zip(there.parameters(), here.parameters(), strict=True):
        near(one.grad, other.grad)


def test_no_forward_or_backward_waits_for_the_device(build, step) -> None:
    agent = build(clip_range=0.1).to(GPU)
    rollout, minibatch = step(3, **entries(3)).to(GPU), step(3, 4, **entries(3, 4)).to(GPU)
    action = chosen(minibatch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        agent(rollout)
        agent(minibatch, action=action)["value"].sum().backward()
        agent.clip_weights()
        agent.reset_memory()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_captured_step_goes_on_from_the_state_that_it_left(build, step) -> None:
    captured, stepped = build().to(GPU), build().to(GPU)
    given = step(3, **entries(3)).to(GPU)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.no_grad():
        with torch.cuda.stream(aside):
            captured(given.copy())
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = captured(given.copy())
        captured.reset_memory()
        for seed in range(4):
            td = step(3, seed=seed, **entries(3, seed=seed)).to(GPU)
            for key, entry in td.items():
                given[key].copy_(entry)
            graph.replay()
            near(out["full_log_probs"], stepped(td)["full_log_probs"])
    near(captured.get_memory(), stepped.get_memory())


def test_bfloat16_autocast_stays_near_float32(build, step) -> None:
    agent = build().to(GPU)
    td = step(3, 4, **entries(3, 4)).to(GPU)
    expected = agent(td, action=chosen(td))
    with torch.autocast(GPU, dtype=torch.bfloat16):
        out = agent(td, action=chosen(td))
    for key in ("act_log_prob", "entropy", "value"):
        assert out[key].dtype == torch.float32
        assert (out[key] - expected[key]).abs().max() < 2e-2
