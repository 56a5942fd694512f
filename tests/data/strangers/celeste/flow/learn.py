"""Learners. `learner` is a coroutine: send it a segment, get the loss of the step that it took."""
from __future__ import annotations

from collections.abc import Generator, Iterable

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from birds.finch import Finch
from flow.reservoir import Reservoir
from flow.returns import Discount, discounted, retrace, upgo


def visible(bird: nn.Module, segment: TensorDictBase) -> TensorDictBase:
    return segment.select(*bird.get_agent_experience_spec().keys())


def objective(out: TensorDictBase, segment: TensorDictBase, advantage: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    ratio = (out["act_log_prob"] - segment["act_log_prob"]).exp()
    spread = weight * (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    gain = torch.minimum(ratio * spread, ratio.clamp(0.9, 1.1) * spread).mean()
    error = (out["value"].squeeze(-1) - segment["values"] - advantage).square().mean()
    return 0.4 * error - gain - 0.003 * out["entropy"].mean()


def learner(bird: nn.Module, optimizer: torch.optim.Optimizer, how: Discount) -> Generator[float, TensorDict, None]:
    loss_value = 0.0
    while True:
        segment = yield loss_value
        bird.reset_memory()
        out = bird(visible(bird, segment), action=segment["actions"])
        loss = objective(out, segment, discounted(segment, how))
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = None
        loss.backward()
        clip_grad_norm_(bird.parameters(), 0.5)
        optimizer.step()
        bird.clip_weights()
        loss_value = loss.item()


def upgo_learner(bird: nn.Module, optimizer: torch.optim.Optimizer, how: Discount) -> Generator[float, TensorDict, None]:
    loss_value = 0.0
    while True:
        segment = yield loss_value
        bird.reset_memory()
        out = bird(visible(bird, segment), action=segment["actions"])
        loss = objective(out, segment, upgo(segment, how))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bird.clip_weights()
        clip_grad_norm_(bird.parameters(), 0.5)
        loss_value = loss.detach().item()


def replay(bird: Finch, optimizer: torch.optim.Optimizer, reservoir: Reservoir, how: Discount, times: int = 4) -> None:
    for rows, segment, weights in reservoir.draw(4, times):
        out = bird(visible(bird, segment), action=segment["actions"])
        ratio = (out["act_log_prob"].detach() - segment["act_log_prob"]).exp()
        advantage = retrace(segment, ratio, how)
        optimizer.zero_grad()
        objective(out, segment, advantage, weights).backward()
        clip_grad_norm_(bird.parameters(), 0.5)
        optimizer.step()
        reservoir.revise(rows, advantage)


def rehearse(bird: nn.Module, optimizer: torch.optim.Optimizer, played: Iterable[TensorDict], how: Discount) -> int:
    """Goes through segments once more, for as long as the policy stays close to the one that played them."""
    count = 0
    bird.reset_memory()
    for segment in played:
        out = bird(visible(bird, segment), action=segment["actions"])
        bird.reset_memory()
        drift = (segment["act_log_prob"] - out["act_log_prob"]).mean()
        if drift.abs().item() > 0.05:
            break
        optimizer.zero_grad()
        objective(out, segment, discounted(segment, how)).backward()
        clip_grad_norm_(bird.parameters(), 0.5)
        optimizer.step()
        bird.clip_weights()
        count += 1
    return count
