"""The training loop, and the variants of it that were tried."""
from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from ivar.agents.common import TokenPolicy
from ivar.returns import gae, gae_bootstrapped, lambda_returns
from ivar.settings import TrainSettings
from ivar.storage import Experience, WeightedExperience


class PPOTrainer:
    experience_class = Experience

    def __init__(self, policy: TokenPolicy, vecenv: Any, settings: TrainSettings, device: torch.device) -> None:
        self.policy, self.vecenv, self.settings, self.device = policy, vecenv, settings, device
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-8)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.rate)
        spec = policy.get_agent_experience_spec()
        self.experience = self.experience_class(spec, settings.segments, settings.horizon, device)

    def rate(self, update: int) -> float:
        if update < self.settings.warmup:
            return (update + 1) / self.settings.warmup
        return max(0.0, 1.0 - update / self.settings.updates)

    def advantages(self) -> Tensor:
        return gae(self.experience.data, self.settings.gamma, self.settings.lam)

    @torch.no_grad()
    def collect(self) -> None:
        self.policy.reset_memory()
        self.experience.restart()
        while not self.experience.full:
            obs, rewards, dones, truncateds, _, ids, _ = self.vecenv.recv()
            rows = slice(int(ids[0]), int(ids[-1]) + 1)
            count = rows.stop - rows.start
            td = TensorDict(
                {
                    "env_obs": torch.as_tensor(obs, device=self.device),
                    "rewards": torch.as_tensor(rewards, device=self.device).float(),
                    "dones": torch.as_tensor(dones, device=self.device).float(),
                    "truncateds": torch.as_tensor(truncateds, device=self.device).float(),
                    "training_env_id_start": torch.full((count,), rows.start, device=self.device),
                },
                batch_size=[count],
            )
            self.policy(td)
            self.experience.append(rows, td)
            self.vecenv.send(td["actions"].cpu().numpy())

    def loss(self, out: TensorDict, minibatch: TensorDict, advantages: Tensor) -> Tensor:
        s = self.settings
        ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clipped = ratio.clamp(1 - s.clip_coef, 1 + s.clip_coef)
        policy_loss = -torch.min(ratio * scaled, clipped * scaled).mean()
        target = advantages + minibatch["values"]
        value_loss = 0.5 * (out["value"].view_as(target) - target).pow(2).mean()
        return policy_loss + s.value_coef * value_loss - s.entropy_coef * out["entropy"].mean()

    def update(self) -> dict[str, float]:
        advantages, total, count = self.advantages(), 0.0, 0
        for _ in range(self.settings.passes):
            for rows, minibatch in self.experience.minibatches(self.settings.minibatch):
                self.policy.reset_memory()
                out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])
                loss = self.loss(out, minibatch, advantages[rows])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                clip_grad_norm_(self.policy.parameters(), self.settings.max_grad_norm)
                self.optimizer.step()
                self.policy.clip_weights()
                self.experience.refresh(rows, out["value"].squeeze(-1))
                total, count = total + float(loss.detach()), count + 1
        self.schedule.step()
        return {"loss": total / max(count, 1)}

    def run(self) -> None:
        for _ in range(self.settings.updates):
            self.collect()
            self.update()


class BootstrappedTrainer(PPOTrainer):
    """Two half steps: gradients of pairs of minibatches are summed before the optimizer moves."""

    def advantages(self) -> Tensor:
        return gae_bootstrapped(self.experience.data, self.settings.gamma, self.settings.lam)

    def update(self) -> dict[str, float]:
        advantages, total, waiting = self.advantages(), 0.0, 0
        self.optimizer.zero_grad()
        for rows, minibatch in self.experience.minibatches(self.settings.minibatch):
            self.policy.reset_memory()
            out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])
            loss = self.loss(out, minibatch, advantages[rows]) / self.settings.accumulate
            loss.backward()
            total, waiting = total + float(loss.detach()), waiting + 1
            if waiting == self.settings.accumulate:
                clip_grad_norm_(self.policy.parameters(), self.settings.max_grad_norm)
                self.optimizer.step()
                self.policy.clip_weights()
                self.optimizer.zero_grad()
                waiting = 0
        self.schedule.step()
        return {"loss": total}


class AccumulatingTrainer(PPOTrainer):
    """For cards on which the whole minibatch does not fit."""

    experience_class = WeightedExperience

    def update(self) -> dict[str, float]:
        advantages, total = self.advantages(), 0.0
        self.experience.weigh(advantages, 0.6)
        for number, (rows, minibatch) in enumerate(self.experience.minibatches(self.settings.minibatch), start=1):
            self.policy.reset_memory()
            out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])
            loss = self.loss(out, minibatch, advantages[rows]) / self.settings.accumulate
            self.optimizer.zero_grad()
            loss.backward()
            if number % self.settings.accumulate == 0:
                clip_grad_norm_(self.policy.parameters(), self.settings.max_grad_norm)
                self.optimizer.step()
                self.policy.clip_weights()
            total += float(loss.detach())
        self.schedule.step()
        return {"loss": total}


class CautiousTrainer(PPOTrainer):
    """Stops a pass once the new policy has moved too far from the one that played."""

    def advantages(self) -> Tensor:
        return lambda_returns(self.experience.data, self.settings.gamma, self.settings.lam)

    def update(self) -> dict[str, float]:
        advantages, drift = self.advantages(), 0.0
        for rows, minibatch in self.experience.minibatches(self.settings.minibatch):
            out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])
            drift = float((minibatch["act_log_prob"] - out["act_log_prob"]).mean().detach())
            if drift > self.settings.target_kl:
                break
            loss = self.loss(out, minibatch, advantages[rows])
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.policy.parameters(), self.settings.max_grad_norm)
            self.optimizer.step()
            self.experience.data["ratio"][rows] = (out["act_log_prob"] - minibatch["act_log_prob"]).exp().detach()
        self.schedule.step()
        return {"drift": drift}
