from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from gridappo.algo.sampling import Sampler, experience_spec, gae
from gridappo.model.actor_critic import ActorCritic


class Learner:
    """Large minibatches do not fit, so gradients of `accumulate` of them make one step."""

    def __init__(self, policy: ActorCritic, envs, cfg) -> None:
        self.policy = policy
        self.cfg = cfg
        self.sampler = Sampler(policy, envs, cfg.horizon)
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=cfg.learning_rate)
        self.experience = experience_spec(policy).zero((envs.num_envs, cfg.horizon))

    def _loss(self, out: TensorDict, batch: TensorDict, advantages: Tensor, rows: Tensor) -> Tensor:
        ratio = torch.exp(out["act_log_prob"] - batch["act_log_prob"])
        self.experience["ratio"][rows] = ratio.detach()
        clipped = ratio.clamp(1 - self.cfg.clip_ratio, 1 + self.cfg.clip_ratio)
        objective = torch.min(ratio * advantages, clipped * advantages).mean()
        returns = advantages + batch["values"]
        value_loss = nn.functional.smooth_l1_loss(out["value"].squeeze(-1), returns)
        return value_loss - objective - self.cfg.entropy_coeff * out["entropy"].mean()

    def _after_step(self) -> None:
        self.policy.clip_weights()

    def train_epoch(self) -> None:
        self.experience.copy_(self.sampler.collect())
        advantages = gae(self.experience, self.cfg.gamma, self.cfg.gae_lambda)
        order = torch.randperm(self.experience.shape[0]).chunk(self.cfg.minibatches)
        for number, rows in enumerate(order, start=1):
            batch = self.experience[rows]
            out = self.policy(
                batch.select(*self.policy.get_agent_experience_spec().keys()), action=batch["actions"]
            )
            loss = self._loss(out, batch, advantages[rows], rows) / self.cfg.accumulate
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if number % self.cfg.accumulate == 0:
                nn.utils.clip_grad_norm_(self.policy.parameters(), self.cfg.max_grad_norm)
                self.optimizer.step()
                self._after_step()
