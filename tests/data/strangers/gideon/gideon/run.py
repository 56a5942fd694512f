"""Training on one vectorised environment."""

from __future__ import annotations

from pathlib import Path

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from .agent import GideonAgent, read_config

GAMMA, LAMBDA = 0.977, 0.916


def play(agent: GideonAgent, vecenv, horizon: int) -> TensorDict:
    agent.reset_memory()
    steps = []
    with torch.no_grad():
        for _ in range(horizon):
            obs, rewards, dones, truncateds, start = vecenv.recv()
            rows = obs.shape[0]
            td = TensorDict({"env_obs": obs, "rewards": rewards}, batch_size=[rows])
            td["dones"], td["truncateds"] = dones.float(), truncateds.float()
            td["training_env_id_start"] = torch.full((rows,), start, dtype=torch.int64, device=obs.device)
            agent(td)
            vecenv.send(td["actions"])
            steps.append(td.clone())
    return torch.stack(steps, dim=1)


def advantages(data: TensorDict) -> torch.Tensor:
    rewards, values, dones = data["rewards"], data["values"], data["dones"]
    result, running = torch.zeros_like(values), torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        alive = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + GAMMA * alive * values[:, t + 1] - values[:, t]
        running = delta + GAMMA * LAMBDA * alive * running
        result[:, t] = running
    return result


def learn(agent: GideonAgent, optimizer: torch.optim.Optimizer, data: TensorDict, rows: int = 128) -> None:
    gains = advantages(data)
    for picked in torch.randperm(data.shape[0], device=gains.device).split(rows):
        batch, gain = data[picked], gains[picked]
        agent.reset_memory()
        out = agent(batch.select("env_obs"), action=batch["actions"])
        ratio = torch.exp(out["act_log_prob"] - batch["act_log_prob"])
        surrogate = torch.min(ratio * gain, ratio.clamp(0.9, 1.1) * gain).mean()
        error = (out["value"] - gain - batch["values"]).square().mean()
        loss = 0.22 * error - surrogate - 0.0021 * out["entropy"].mean() + 0.001 * agent.l2_init_loss()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clip_grad_norm_(agent.parameters(), 0.5)
        agent.clip_weights()


def evaluate(agent: GideonAgent, vecenv, steps: int) -> float:
    """The mean reward, from a clean start; training goes on where it was."""
    kept = agent.get_memory()
    agent.reset_memory()
    total = 0.0
    with torch.no_grad():
        for _ in range(steps):
            obs, rewards, dones, truncateds, _ = vecenv.recv()
            td = TensorDict({"env_obs": obs, "dones": dones, "truncateds": truncateds}, batch_size=[len(obs)])
            vecenv.send(agent(td)["actions"])
            total += float(rewards.mean())
    agent.set_memory(kept)
    return total / steps


def run(config: Path, vecenv, epochs: int, horizon: int = 64) -> GideonAgent:
    agent = GideonAgent(vecenv.env, read_config(config)).to(vecenv.device)
    agent.activate_actions(vecenv.env.action_names, vecenv.env.max_action_args, vecenv.device)
    optimizer = torch.optim.Adam(agent.parameters(), lr=4.573e-4, eps=1e-12)
    for _ in range(epochs):
        data = play(agent, vecenv, horizon)
        learn(agent, optimizer, data)
    return agent
