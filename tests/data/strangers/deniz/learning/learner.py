from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from shorebirds import Composed

from .advantage import advantages


@dataclass(frozen=True)
class LearnConfig:
    segments: int = 256
    horizon: int = 64
    minibatch_segments: int = 32
    passes: int = 1
    gamma: float = 0.977
    lam: float = 0.916
    clip: float = 0.1
    value_coef: float = 0.44
    entropy_coef: float = 0.002
    max_grad_norm: float = 0.5
    lr: float = 4.5e-4


class Learner:
    """PPO on segments. The agent's own spec says what it wants to see again."""

    def __init__(self, env, policy: Composed, cfg: LearnConfig, device: torch.device) -> None:
        self.env, self.policy, self.cfg, self.device = env, policy, cfg, device
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=cfg.lr, eps=1e-8)
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        self.spec = Composite(
            rewards=scalar,
            act_log_prob=scalar.clone(),
            values=scalar.clone(),
            actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        )
        self.spec.update(policy.get_agent_experience_spec())
        self.buffer = self.spec.expand(cfg.segments, cfg.horizon).zero().to(device)

    def run(self, epochs: int) -> Iterator[float]:
        for _ in range(epochs):
            self._collect()
            yield self._improve()

    @torch.no_grad()
    def _collect(self) -> None:
        self.policy.reset_memory()
        for t in range(self.cfg.horizon):
            for _ in range(self.env.num_groups):
                seen, reward, done, truncated, rows = self.env.recv()
                td = TensorDict(
                    {"env_obs": seen, "rewards": reward, "dones": done.float(), "truncateds": truncated.float()},
                    batch_size=[len(seen)],
                ).to(self.device)
                td["training_env_id_start"] = torch.full((len(seen),), rows.start, device=self.device)
                self.policy(td)
                self.buffer[rows, t] = td.select(*self.spec.keys())
                self.env.send(td["actions"])

    def _improve(self) -> float:
        cfg, b, total = self.cfg, self.buffer, 0.0
        adv = advantages(b["rewards"], b["values"], b["dones"], b["truncateds"], gamma=cfg.gamma, lam=cfg.lam)
        for _ in range(cfg.passes):
            for rows in torch.randperm(cfg.segments, device=self.device).split(cfg.minibatch_segments):
                self.policy.reset_memory()
                loss = self._loss(b[rows], adv[rows])
                self._descend(loss)
                total += loss.detach()
        return float(total)

    def _loss(self, old: TensorDict, adv: Tensor) -> Tensor:
        new = self.policy(old.select("env_obs", "dones", "truncateds"), action=old["actions"])
        ratio = (new["act_log_prob"] - old["act_log_prob"]).exp()
        scaled = (adv - adv.mean()) / (adv.std() + 1e-8)
        gain = torch.min(ratio * scaled, ratio.clamp(1 - self.cfg.clip, 1 + self.cfg.clip) * scaled)
        miss = new["value"].view_as(adv) - (adv + old["values"])
        return -gain.mean() + self.cfg.value_coef * miss.square().mean() - self.cfg.entropy_coef * new["entropy"].mean()

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.parameters(), self.cfg.max_grad_norm)
        self.optimizer.step()
        self.policy.clip_weights()
