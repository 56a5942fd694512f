from __future__ import annotations

import copy

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from linnea.estimates import LambdaEstimator, doubling_gae, retrace
from linnea.losses import Objective
from linnea.policies import Keeper, Recaller
from linnea.replay import RankedReplay, SequenceReplay


def visible(policy, batch):
    return batch.select(*policy.get_agent_experience_spec().keys())


class BurnInTrainer:
    """Replays stored states, and lets the core run over the first steps before anything is learnt."""

    def __init__(self, policy: Recaller, replay: SequenceReplay, burn: int = 8, lr: float = 2e-4) -> None:
        self.policy, self.replay, self.burn = policy, replay, burn
        self.slow = copy.deepcopy(policy).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(policy.parameters(), lr=lr, eps=1e-6)
        self.estimate = LambdaEstimator(0.99, 0.95)
        self.objective = Objective()

    @torch.no_grad()
    def warm(self, policy: Recaller, batch):
        early = batch[:, : self.burn]
        out = policy(visible(policy, early), early["core_state"][:, 0], early["actions"])
        return out["core_state"][:, -1]

    def step(self, count: int, beta: float) -> float:
        rows, weights, batch = self.replay.sample(count, beta)
        late = batch[:, self.burn :]
        with torch.no_grad():
            slow = self.slow(visible(self.slow, late), self.warm(self.slow, batch), late["actions"])
        errors = self.estimate(late, slow["value"][..., 0])
        out = self.policy(visible(self.policy, late), self.warm(self.policy, batch), late["actions"])
        loss = self.objective(out, late, errors, errors + slow["value"][..., 0], weights)
        self.optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(self.policy.parameters(), 40.0)
        self.optimizer.step()
        self.policy.clip_weights()
        for old, new in zip(self.slow.parameters(), self.policy.parameters()):
            old.lerp_(new.detach(), 0.01)
        self.replay.reprioritise(rows, errors)
        return loss.item()


class ScaledTrainer:
    """Half precision: the scaler decides whether there is a step at all."""

    def __init__(self, policy: Keeper, replay: SequenceReplay, lr: float = 2e-4) -> None:
        self.policy, self.replay = policy, replay
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        self.scaler = torch.amp.GradScaler("cuda")
        self.objective = Objective()

    def step(self, count: int, beta: float) -> None:
        rows, weights, batch = self.replay.sample(count, beta)
        advantages = doubling_gae(batch, 0.99, 0.95)
        self.policy.reset_memory()
        with torch.autocast("cuda", dtype=torch.float16):
            out = self.policy(visible(self.policy, batch), action=batch["actions"])
            loss = self.objective(out, batch, advantages, advantages + batch["values"], weights)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        clip_grad_norm_(self.policy.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.policy.clip_weights()
        self.replay.reprioritise(rows, advantages)


class ClosureTrainer:
    """For optimizers that ask for the loss themselves."""

    def __init__(self, policy: Keeper, replay: SequenceReplay, lr: float = 0.5) -> None:
        self.policy, self.replay = policy, replay
        self.optimizer = torch.optim.LBFGS(policy.parameters(), lr=lr, max_iter=4)
        self.objective = Objective()

    def step(self, count: int, beta: float) -> None:
        _, weights, batch = self.replay.sample(count, beta)
        advantages = doubling_gae(batch, 0.99, 0.95)

        def closure():
            self.policy.reset_memory()
            out = self.policy(visible(self.policy, batch), action=batch["actions"])
            loss = self.objective(out, batch, advantages, advantages + batch["values"], weights)
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.policy.parameters(), 1.0)
            return loss

        self.optimizer.step(closure)
        self.policy.clip_weights()


class EpochTrainer:
    """A few sequences several times over, from one draw."""

    def __init__(self, policy: Keeper, replay: SequenceReplay, lr: float = 2e-4, size: int = 32) -> None:
        self.policy, self.replay, self.size = policy, replay, size
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        self.objective = Objective()

    def step(self, count: int, beta: float) -> None:
        rows, weights, batch = self.replay.sample(count, beta)
        advantages = doubling_gae(batch, 0.99, 0.95)
        self.policy.reset_memory()
        for part in torch.randperm(count, device=rows.device).split(self.size):
            few = batch[part]
            out = self.policy(visible(self.policy, few), action=few["actions"])
            targets = advantages[part] + few["values"]
            loss = self.objective(out, few, advantages[part], targets, weights[part])
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_value_(self.policy.parameters(), 0.5)
            self.optimizer.step()
            self.policy.clip_weights()
        self.replay.reprioritise(rows, advantages)


class RetraceTrainer:
    def __init__(self, policy: Keeper, replay: RankedReplay, lr: float = 2e-4) -> None:
        self.policy, self.replay = policy, replay
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        self.objective = Objective()

    def step(self, count: int, beta: float) -> None:
        rows, weights, batch = self.replay.sample(count, beta)
        self.policy.reset_memory()
        out = self.policy(visible(self.policy, batch), action=batch["actions"])
        values = out["value"].detach()[..., 0]
        ratio = (out["act_log_prob"].detach() - batch["act_log_prob"]).exp()
        errors = retrace(batch, values, ratio, 0.99)
        loss = self.objective(out, batch, errors, errors + values, weights)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        clip_grad_norm_(self.policy.parameters(), 1.0)
        self.policy.clip_weights()
        self.replay.reprioritise(rows, errors)
        self.replay.reassess(rows, out["act_log_prob"], values)
        self.replay.storage["td_error"][rows] = errors


def finetune(policy: Keeper, replay: SequenceReplay, steps: int, count: int = 64, lr: float = 1e-5) -> list[float]:
    """Only the heads learn."""
    for parameter in policy.parameters():
        parameter.requires_grad_(False)
    heads = [*policy.actor.parameters(), *policy.critic.parameters()]
    for parameter in heads:
        parameter.requires_grad_(True)
    optimizer, objective, losses = torch.optim.SGD(heads, lr=lr), Objective(), []
    for _ in range(steps):
        _, weights, batch = replay.sample(count, 1.0)
        advantages = doubling_gae(batch, 0.99, 0.95)
        policy.reset_memory()
        out = policy(visible(policy, batch), action=batch["actions"])
        loss = objective(out, batch, advantages, advantages + batch["values"], weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
