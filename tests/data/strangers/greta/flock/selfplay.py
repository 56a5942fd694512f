"""Two agents in one arena. Both learn, from the rows that are theirs."""

import torch
from torch.nn.utils import clip_grad_norm_

from .factory import make_agent, make_opponent
from .train import ppo_loss


def gae(rewards, values, dones, gamma, lam):
    out = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        alive = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        last = delta + gamma * lam * alive * last
        out[:, t] = last
    return out


def play(agent, env, buffer, steps: int) -> None:
    agent.reset_memory()
    with torch.no_grad():
        for step in range(steps):
            td = env.observe()
            td["dones"], td["truncateds"] = env.ended()
            agent(td)
            buffer[:, step] = td.select(*buffer.keys())
            env.act(td["actions"])


def improve(agent, optimizer: torch.optim.Optimizer, buffer, cfg) -> None:
    adv = gae(buffer["rewards"], buffer["values"], buffer["dones"], cfg.gamma, cfg.lam)
    for picked in torch.randperm(buffer.shape[0], device=buffer.device).split(cfg.segments):
        minibatch = buffer[picked]
        out = agent(minibatch.select("env_obs"), action=minibatch["actions"])
        loss = ppo_loss(out, minibatch, adv[picked], cfg)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clip_grad_norm_(agent.parameters(), cfg.max_grad_norm)


def selfplay(cfg, env, buffers, device) -> None:
    ours = make_agent(cfg.agent, env, device)
    theirs = make_opponent(cfg, env, device)
    players = [(a, torch.optim.Adam(a.parameters(), lr=cfg.lr)) for a in (ours, theirs)]
    for _ in range(cfg.epochs):
        for (agent, optimizer), buffer in zip(players, buffers, strict=True):
            play(agent, env, buffer, cfg.horizon)
            improve(agent, optimizer, buffer, cfg)
