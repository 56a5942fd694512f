"""python scripts/train.py: everything between an environment and a checkpoint."""
import torch

from agents.unified import Unified


def gae(batch, gamma=0.99, lam=0.95):
    out = torch.zeros_like(batch["rewards"])
    run = 0.0
    over = batch["dones"].float()
    for t in reversed(range(batch.shape[1] - 1)):
        on = 1.0 - over[:, t + 1]
        delta = batch["rewards"][:, t + 1] + gamma * batch["values"][:, t + 1] * on - batch["values"][:, t]
        run = delta + gamma * lam * on * run
        out[:, t] = run
    return out


def rollout(agent: Unified, env, steps):
    agent.reset_memory()
    frames = []
    for _ in range(steps):
        td = env.recv()
        with torch.no_grad():
            agent(td)
        env.send(td["actions"])
        frames.append(td.select("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"))
    return torch.stack(frames, 1)


def ppo(new, old, eps=0.1):
    ratio = (new["act_log_prob"] - old["act_log_prob"]).exp()
    adv = old["advantages"]
    policy_loss = torch.max(-adv * ratio, -adv * ratio.clamp(1 - eps, 1 + eps)).mean()
    value_loss = (new["value"].flatten(1) - old["advantages"] - old["values"]).pow(2).mean()
    return policy_loss + 0.5 * value_loss - 0.01 * new["entropy"].mean()


def learn(agent: Unified, optimizer, batch, epochs=3, size=8):
    batch["advantages"] = gae(batch)
    for _ in range(epochs):
        for rows in torch.randperm(batch.shape[0]).split(size):
            part = batch[rows]
            agent.reset_memory()
            loss = ppo(agent(part.select("env_obs", "dones", "truncateds"), action=part["actions"]), part)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
            agent.clip_weights()


def learn_once(agent: Unified, optimizer, batch, size=8):
    """One epoch in order, for the last batch of a run."""
    batch["advantages"] = gae(batch)
    for part in batch.split(size):
        loss = ppo(agent(part.select("env_obs", "dones", "truncateds"), action=part["actions"]), part)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        agent.clip_weights()


def refresh(agent: Unified, batch, rows: torch.Tensor):
    """Values of some segments as the agent sees them now."""
    agent.reset_memory()
    with torch.no_grad():
        new = agent(batch[rows].select("env_obs", "dones", "truncateds"), action=batch["actions"][rows])
    batch["values"][rows].copy_(new["value"].squeeze(-1))
    agent.reset_memory()
