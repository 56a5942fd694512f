"""The ways in which weights change. Every function takes the policy and its optimizer, nothing is kept between calls."""
from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from ppo.advantage import gae, lambda_returns, standardise, vtrace
from ppo.buffer import mark_weights, minibatches, refresh_values
from ppo.config import LearnConfig


def inputs(policy, minibatch: TensorDict) -> TensorDict:
    return minibatch.select(*policy.get_agent_experience_spec().keys())


def surrogate(new: Tensor, old: Tensor, advantage: Tensor, clip: float) -> Tensor:
    ratio = (new - old).exp()
    return torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clip, 1 + clip)).mean()


def ppo_loss(out: TensorDict, minibatch: TensorDict, advantage: Tensor, weights: Tensor, cfg: LearnConfig) -> Tensor:
    policy_loss = surrogate(out["act_log_prob"], minibatch["act_log_prob"], weights * standardise(advantage), cfg.clip)
    returns = advantage + minibatch["values"]
    value_loss = 0.5 * (out["value"].view_as(returns) - returns).square().mean()
    return policy_loss + cfg.value * value_loss - cfg.entropy * out["entropy"].mean()


def ppo_epochs(policy, optimizer: torch.optim.Optimizer, buffer: TensorDict, cfg: LearnConfig) -> dict[str, float]:
    advantage = gae(buffer, cfg.gamma, cfg.lam)
    losses = []
    for _ in range(cfg.epochs):
        for picked, minibatch, weights in minibatches(buffer, advantage, cfg.minibatch, cfg.alpha, cfg.beta):
            policy.reset_memory()
            out = policy(inputs(policy, minibatch), action=minibatch["actions"])
            ratio = (out["act_log_prob"].detach() - minibatch["act_log_prob"]).exp()
            fresh = vtrace(minibatch, ratio, cfg.gamma, cfg.lam)
            loss = ppo_loss(out, minibatch, fresh, weights, cfg)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            clip_grad_norm_(policy.parameters(), cfg.max_grad)
            optimizer.step()
            policy.clip_weights()
            refresh_values(buffer, picked, out["value"].squeeze(-1))
            losses.append(loss.detach())
    return {"loss": torch.stack(losses).mean().item()}


def accumulated_epoch(policy, optimizer: torch.optim.Optimizer, buffer: TensorDict, cfg: LearnConfig) -> float:
    advantage = gae(buffer, cfg.gamma, cfg.lam)
    total = 0.0
    stream = minibatches(buffer, advantage, cfg.minibatch, cfg.alpha, cfg.beta)
    for number, (picked, minibatch, weights) in enumerate(stream, start=1):
        policy.reset_memory()
        out = policy(inputs(policy, minibatch), action=minibatch["actions"])
        loss = ppo_loss(out, minibatch, advantage[picked], weights, cfg) / cfg.accumulate
        optimizer.zero_grad()
        loss.backward()
        mark_weights(buffer, picked, weights)
        if number % cfg.accumulate == 0:
            clip_grad_norm_(policy.parameters(), cfg.max_grad)
            optimizer.step()
            policy.clip_weights()
        total += loss.item()
    return total


def warm_up_critic(policy, optimizer: torch.optim.Optimizer, buffer: TensorDict, cfg: LearnConfig) -> float:
    """Only the value loss, before the policy is allowed to move."""
    target = lambda_returns(buffer, cfg.gamma, cfg.lam)
    last = 0.0
    policy.reset_memory()
    for rows in torch.randperm(buffer.shape[0], device=buffer.device).split(cfg.minibatch):
        minibatch = buffer[rows]
        out = policy(inputs(policy, minibatch), action=minibatch["actions"])
        loss = (out["value"].squeeze(-1) - target[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
    return last


def imitate(policy, optimizer: torch.optim.Optimizer, buffer: TensorDict, cfg: LearnConfig) -> None:
    """Raises the likelihood of the actions in the better half of the segments."""
    score = buffer["rewards"].sum(dim=1)
    best = score.topk(buffer.shape[0] // 2).indices
    for rows in best.split(cfg.minibatch):
        policy.reset_memory()
        minibatch = buffer[rows]
        out = policy(inputs(policy, minibatch), action=minibatch["actions"])
        optimizer.zero_grad()
        (-out["act_log_prob"].mean()).backward()
        optimizer.step()
        clip_grad_norm_(policy.parameters(), cfg.max_grad)
        policy.clip_weights()


def accumulated_tail(policy, optimizer: torch.optim.Optimizer, chunks: list[TensorDict], cfg: LearnConfig) -> None:
    """One step for all chunks: their gradients add up, and are cleared once it is taken."""
    for chunk in chunks:
        policy.reset_memory()
        out = policy(inputs(policy, chunk), action=chunk["actions"])
        advantage = gae(chunk, cfg.gamma, cfg.lam)
        weight = torch.ones_like(advantage)
        (ppo_loss(out, chunk, advantage, weight, cfg) / len(chunks)).backward()
    clip_grad_norm_(policy.parameters(), cfg.max_grad)
    optimizer.step()
    policy.clip_weights()
    optimizer.zero_grad()
