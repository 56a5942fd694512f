"""Rollouts, and what is stored of them."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torchrl.data import Composite, Unbounded, UnboundedDiscrete

from gridappo.model.actor_critic import ActorCritic


def experience_spec(policy: ActorCritic) -> Composite:
    flag = UnboundedDiscrete(shape=(), dtype=torch.bool)
    return Composite(
        {
            **dict(policy.get_agent_experience_spec().items()),
            "dones": flag,
            "truncateds": flag,
            "rewards": Unbounded(shape=()),
            "actions": UnboundedDiscrete(shape=(2,), dtype=torch.int32),
            "act_log_prob": Unbounded(shape=()),
            "values": Unbounded(shape=()),
        }
    )


def ended(td: TensorDict) -> torch.Tensor:
    """An episode that was cut off is over as well; its value must not leak into the one before."""
    return (td["dones"] | td["truncateds"]).float()


def gae(td: TensorDict, gamma: float, lam: float) -> torch.Tensor:
    rewards, values, over = td["rewards"], td["values"], ended(td)
    advantage = torch.zeros_like(rewards[:, 0])
    columns = [advantage]
    for t in reversed(range(rewards.shape[1] - 1)):
        alive = 1.0 - over[:, t + 1]
        delta = rewards[:, t + 1] + gamma * alive * values[:, t + 1] - values[:, t]
        advantage = delta + gamma * lam * alive * advantage
        columns.append(advantage)
    return torch.stack(columns[::-1], dim=1)


class Sampler:
    def __init__(self, policy: ActorCritic, envs, horizon: int) -> None:
        self.policy, self.envs, self.horizon = policy, envs, horizon
        self.buffer = experience_spec(policy).zero((envs.num_envs, horizon))

    @torch.inference_mode()
    def collect(self) -> TensorDict:
        self.policy.reset_memory()
        for t in range(self.horizon):
            td = self.envs.receive()
            self.policy(td)
            self.envs.send(td["actions"])
            first = int(self.envs.first_env)
            self.buffer[first : first + td.shape[0], t].update_(td.select(*self.buffer.keys()))
        return self.buffer
