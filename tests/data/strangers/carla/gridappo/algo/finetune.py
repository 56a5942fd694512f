"""Behaviour cloning on recorded play, before the learner takes over."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tensordict import TensorDict

from gridappo.model.ensemble import EnsembleActorCritic


def clone_behaviour(
    policy: EnsembleActorCritic, recordings: Iterable[TensorDict], lr: float = 1e-4, l2_init: float = 1e-3
) -> None:
    optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
    # the contract's order, once, where the optimizer is made: whoever steps also clips
    optimizer.register_step_post_hook(lambda *_: policy.clip_weights())
    for td in recordings:
        policy.set_memory(torch.zeros_like(policy.get_memory()))
        out = policy(td.select("env_obs", "dones", "truncateds"), action=td["actions"])
        loss = -out["act_log_prob"].mean() + l2_init * policy.l2_init_loss()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), max_norm=0.5)
        optimizer.step()
