"""Proximal updates on what a flock has seen."""
import torch
from torch.nn.utils import clip_grad_norm_

from britta.waders import Plover


def watch(bird: Plover, env, steps):
    bird.reset_memory()
    seen = []
    for _ in range(steps):
        td = env.observe()
        td = bird(td).detach()
        env.act(td["actions"])
        seen.append(td.select("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"))
    return torch.stack(seen, dim=1)


def targets(batch, gamma=0.99, lam=0.95):
    ended = (batch["dones"] + batch["truncateds"]).clamp(max=1.0)
    values, rewards = batch["values"], batch["rewards"]
    result = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        on = 1.0 - ended[:, t + 1]
        last = rewards[:, t + 1] + gamma * on * values[:, t + 1] - values[:, t] + gamma * lam * on * last
        result[:, t] = last
    return result


def teach(bird: Plover, optimizer, batch, epochs=2, size=16, clip=0.1):
    batch["advantages"] = targets(batch)
    for _ in range(epochs):
        for part in batch.split(size):
            bird.reset_memory()
            new = bird(part.select("env_obs"), action=part["actions"])
            ratio = torch.exp(new["act_log_prob"] - part["act_log_prob"])
            gain = part["advantages"]
            loss = torch.maximum(-gain * ratio, -gain * ratio.clamp(1 - clip, 1 + clip)).mean()
            loss = loss + 0.5 * (new["value"].squeeze(-1) - part["values"] - gain).pow(2).mean()
            loss = loss - 0.01 * new["entropy"].mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            clip_grad_norm_(bird.parameters(), 0.5)
            optimizer.step()
            bird.clip_weights()


def imitate(bird: Plover, optimizer, lessons):
    """Maximum likelihood of a teacher's actions, before any reward is seen."""
    for part in lessons:
        bird.reset_memory()
        new = bird(part.select("env_obs"), action=part["actions"])
        loss = -new["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(bird.parameters(), 1.0)
        optimizer.step()
