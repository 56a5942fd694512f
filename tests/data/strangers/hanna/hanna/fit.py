"""The loop."""

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from .config import FitConfig


def gather(agent, vecenv, horizon):
    agent.reset_memory()
    steps = []
    with torch.no_grad():
        for _ in range(horizon):
            td: TensorDict = vecenv.recv()
            agent(td)
            vecenv.send(td["actions"])
            steps.append(td.clone())
    return torch.stack(steps, dim=1)


def gains(data, gamma=0.977, lam=0.916):
    over = (data["dones"].bool() | data["truncateds"].bool()).float()
    out = torch.zeros_like(data["values"])
    for t in reversed(range(out.shape[1] - 1)):
        more = 1.0 - over[:, t + 1]
        delta = data["rewards"][:, t + 1] + gamma * more * data["values"][:, t + 1] - data["values"][:, t]
        out[:, t] = delta + gamma * lam * more * out[:, t + 1]
    return out


def fit(agent, optimizer, data, config: FitConfig):
    """Gradients of `accumulate` minibatches make one step."""
    gain = gains(data)
    parts = torch.randperm(data.shape[0], device=gain.device).split(config.rows)
    optimizer.zero_grad()
    for number, rows in enumerate(parts, start=1):
        batch = data[rows]
        agent.reset_memory()
        out = agent(batch.select("env_obs"), action=batch["actions"])
        ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
        loss = -torch.min(ratio * gain[rows], ratio.clamp(0.9, 1.1) * gain[rows]).mean()
        loss = loss + 0.44 * (out["value"] - gain[rows] - batch["values"]).square().mean()
        loss = loss - 0.002 * out["entropy"].mean()
        (loss / config.accumulate).backward()
        if number % config.accumulate == 0 or number == len(parts):
            clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
            agent.clip_weights()
            optimizer.zero_grad()
