"""Everything from the config to the last epoch."""

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from tensordict import TensorDict
from torch import Tensor

from terns.agents import Arctic, Gull, Skua, Sooty


class Config(Protocol):
    agent: str
    width: int
    clip_range: float
    analyze_weights_interval: int
    epochs: int
    lr: float


def hatch(cfg: Config, env) -> Arctic | Gull | Skua | Sooty:
    shared: dict[str, Any] = {
        "width": cfg.width,
        "clip_range": cfg.clip_range,
        "analyze_weights_interval": cfg.analyze_weights_interval,
    }
    match cfg.agent:
        case "arctic":
            return Arctic(env, **shared)
        case "sooty":
            return Sooty(env, **shared)
        case "gull":
            return Gull(env, **shared)
        case other:
            raise ValueError(other)


def hatch_for_play(cfg: Config, env, weights: dict[str, Tensor]) -> Skua | Sooty:
    agent = Skua(env, width=cfg.width) if cfg.agent == "skua" else Sooty(env, width=cfg.width)
    agent.load_state_dict(weights)
    return agent.eval()


class Flight:
    """PPO over whole rollouts of an Arctic."""

    def __init__(self, cfg: Config, env, horizon: int = 64) -> None:
        self.cfg, self.env, self.horizon = cfg, env, horizon
        self.agent = Arctic(
            env,
            width=cfg.width,
            clip_range=cfg.clip_range,
            analyze_weights_interval=cfg.analyze_weights_interval,
        )
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=cfg.lr)

    def run(self) -> None:
        for _ in range(self.cfg.epochs):
            self.agent.reset_memory()
            rollout = torch.stack(list(self._rollout()), dim=1)
            rollout["advantages"] = self._advantages(rollout)
            for part in rollout.split(32):
                self._learn(part)

    @torch.no_grad()
    def _rollout(self) -> Iterator[TensorDict]:
        for _ in range(self.horizon):
            obs, rewards, dones, truncateds, first = self.env.recv()
            td = TensorDict({"env_obs": obs, "rewards": rewards}, batch_size=[obs.shape[0]])
            td["dones"], td["truncateds"] = dones.float(), truncateds.float()
            td["training_env_id_start"] = torch.full((obs.shape[0],), first)
            self.agent(td)
            self.env.send(td["actions"])
            yield td

    def _advantages(self, rollout: TensorDict, gamma: float = 0.98, lam: float = 0.9) -> Tensor:
        rewards, values, ended = rollout["rewards"], rollout["values"], rollout["dones"]
        advantages = torch.zeros_like(rewards)
        for t in range(self.horizon - 2, -1, -1):
            alive = 1.0 - ended[:, t + 1]
            delta = rewards[:, t + 1] + gamma * alive * values[:, t + 1] - values[:, t]
            advantages[:, t] = delta + gamma * lam * alive * advantages[:, t + 1]
        return advantages

    def _learn(self, part: TensorDict) -> None:
        out = self.agent(part.select("env_obs", "dones", "truncateds"), action=part["actions"])
        ratio = (out["act_log_prob"] - part["act_log_prob"]).exp()
        gain = torch.minimum(ratio * part["advantages"], ratio.clamp(0.9, 1.1) * part["advantages"])
        miss = out["value"].squeeze(-1) - part["values"] - part["advantages"]
        loss = 0.5 * miss.square().mean() - gain.mean() - 0.002 * out["entropy"].mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.agent.parameters(), 0.5)
        self.agent.clip_weights()
        self.optimizer.step()
