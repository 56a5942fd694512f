"""Passing on what one policy knows to another, on segments that are already there."""
from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from ppo.config import LearnConfig
from ppo.updates import inputs


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    return (teacher.exp() * (teacher - student)).sum(-1).mean()


def distill(student, teacher, optimizer: torch.optim.Optimizer, buffer: TensorDict, cfg: LearnConfig) -> float:
    """Full distributions: the student matches what the teacher would have done in every step."""
    losses = []
    teacher.eval()
    for rows in torch.randperm(buffer.shape[0]).split(cfg.minibatch):
        minibatch = buffer[rows]
        student.reset_memory()
        with torch.no_grad():
            wanted = teacher(inputs(teacher, minibatch), action=minibatch["actions"])["full_log_probs"]
        out = student(inputs(student, minibatch), action=minibatch["actions"])
        loss = divergence(out["full_log_probs"], wanted)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(student.parameters(), cfg.max_grad)
        optimizer.step()
        student.clip_weights()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


def swap_heads(first, second, optimizers, buffer: TensorDict, cfg: LearnConfig) -> None:
    """Mutual learning: in turn each of two policies is drawn towards the other."""
    pairs = [(first, second, optimizers[0]), (second, first, optimizers[1])]
    for rows in torch.randperm(buffer.shape[0]).split(cfg.minibatch):
        minibatch = buffer[rows]
        for learns, shows, optimizer in pairs:
            for policy in (learns, shows):
                policy.reset_memory()
            with torch.no_grad():
                shown = shows(inputs(shows, minibatch), action=minibatch["actions"])
            out = learns(inputs(learns, minibatch), action=minibatch["actions"])
            optimizer.zero_grad()
            divergence(out["full_log_probs"], shown["full_log_probs"]).backward()
            clip_grad_norm_(learns.parameters(), cfg.max_grad)
            optimizer.step()
            learns.clip_weights()
