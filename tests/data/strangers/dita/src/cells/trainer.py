"""PPO, as objects."""

import attrs
import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from .agents import CellAgent, CellSketch, GruSet
from .settings import AgentSettings

KINDS = {"cell": CellAgent, "sketch": CellSketch, "gru": GruSet}


def build(kind: str, env, options: dict):
    """An agent of that kind; its settings are checked by attrs."""
    return KINDS[kind](env, AgentSettings(**options))


def gae(td, gamma, lam):
    values, rewards = td["values"], td["rewards"]
    over = (td["dones"].bool() | td["truncateds"].bool()).float()
    result = torch.zeros_like(values)
    for t in range(values.shape[1] - 2, -1, -1):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * (1 - over[:, t + 1]) - values[:, t]
        result[:, t] = delta + gamma * lam * (1 - over[:, t + 1]) * result[:, t + 1]
    return result


@attrs.define
class Trainer:
    agent: CellAgent
    optimizer: torch.optim.Optimizer
    vecenv: object
    horizon: int = 64
    max_norm: float = 0.5

    def collect(self) -> TensorDict:
        self.agent.reset_memory()
        steps = []
        with torch.no_grad():
            for _ in range(self.horizon):
                obs, reward, done, truncated, group = self.vecenv.recv()
                td = TensorDict({"env_obs": obs, "rewards": reward}, batch_size=[len(obs)])
                td["dones"], td["truncateds"] = done.float(), truncated.float()
                td["training_env_id_start"] = torch.full((len(obs),), group.start)
                steps.append(self.agent(td))
                self.vecenv.send(td["actions"])
        return torch.stack(steps, dim=1)

    def loss(self, batch: TensorDict) -> torch.Tensor:
        td = self.agent(batch.select("env_obs", "dones", "truncateds"), action=batch["actions"])
        advantage = gae(batch, 0.977, 0.916)
        ratio = torch.exp(td["act_log_prob"] - batch["act_log_prob"])
        surrogate = torch.minimum(ratio * advantage, ratio.clamp(0.9, 1.1) * advantage)
        error = td["value"].squeeze(-1) - (advantage + batch["values"])
        return error.square().mean() - surrogate.mean() - 0.002 * td["entropy"].mean()

    def learn(self, data: TensorDict, minibatch: int) -> None:
        for batch in data.split(minibatch):
            self.agent.reset_memory()
            self.optimizer.zero_grad()
            self.loss(batch).backward()
            clip_grad_norm_(self.agent.parameters(), self.max_norm)
            self.optimizer.step()
            self.agent.clip_weights()


@attrs.define
class HastyTrainer:
    """Without the ceremony."""

    agent: CellSketch
    optimizer: torch.optim.Optimizer

    def learn(self, data: TensorDict, minibatch: int) -> None:
        for batch in data.split(minibatch):
            td = self.agent(batch.select("env_obs"), action=batch["actions"])
            ratio = torch.exp(td["act_log_prob"] - batch["act_log_prob"])
            loss = -(ratio * batch["advantages"]).mean()
            loss.backward()
            self.agent.clip_weights()
            clip_grad_norm_(self.agent.parameters(), 0.5)
            self.optimizer.step()
