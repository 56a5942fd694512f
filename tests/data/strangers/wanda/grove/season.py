"""One season: rollouts and updates, as functions."""

import torch
from tensordict import TensorDict

from .factory import grow
from .settings import AgentSettings, TrainSettings


def rollout(policy, env, s: TrainSettings) -> TensorDict:
    policy.reset_memory()
    frames = []
    for _ in range(s.horizon):
        td = env.observe()
        with torch.no_grad():
            policy(td)
        td["rewards"] = env.act(td["actions"])
        frames.append(td.clone())
    return torch.stack(frames, 1)


def advantages(data: TensorDict, s: TrainSettings):
    ended = (data["dones"].bool() | data["truncateds"].bool()).float()
    values, rewards = data["values"], data["rewards"]
    out, carry = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(s.horizon - 1)):
        go = 1 - ended[:, t + 1]
        carry = rewards[:, t] + s.gamma * go * values[:, t + 1] - values[:, t] + s.gamma * s.lam * go * carry
        out[:, t] = carry
    return out


def minibatch_loss(policy, mb, adv):
    policy.reset_memory()
    out = policy(mb.select("env_obs"), action=mb["actions"])
    ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
    gain = torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
    miss = (out["value"].squeeze(-1) - adv - mb["values"]).square().mean()
    return miss / 2 - gain - 0.003 * out["entropy"].mean()


def apply_gradients(policy, optimizer, limit: float):
    torch.nn.utils.clip_grad_norm_(policy.parameters(), limit)
    optimizer.step()
    policy.clip_weights()
    optimizer.zero_grad()


def season(env, agent: AgentSettings, s: TrainSettings, rounds: int):
    policy = grow(env, agent)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=s.lr)
    for _ in range(rounds):
        data = rollout(policy, env, s)
        adv = advantages(data, s)
        for _ in range(s.epochs):
            for rows in torch.randperm(len(data)).split(s.minibatch):
                minibatch_loss(policy, data[rows], adv[rows]).backward()
                apply_gradients(policy, optimizer, s.max_grad)
