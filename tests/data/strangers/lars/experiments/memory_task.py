import torch

from brains.plain import Plain
from brains.puffer import Puffer
from experiments.build import brain_for


def gae(rewards, values, ends, gamma=0.99, lam=0.95):
    adv = torch.zeros_like(values)
    for t in reversed(range(values.shape[1] - 1)):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * ends[:, t + 1].logical_not() - values[:, t]
        adv[:, t] = delta + gamma * lam * ends[:, t + 1].logical_not() * adv[:, t + 1]
    return adv


def ppo(brain: Plain, optimizer, data, clip=0.1):
    ends = data["dones"].bool() | data["truncateds"].bool()
    adv = gae(data["rewards"], data["values"], ends)
    for rows in torch.randperm(data.shape[0], device=adv.device).chunk(4):
        mb = data[rows]
        brain.reset_memory()
        out = brain(mb.select("env_obs"), action=mb["actions"])
        ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
        a = adv[rows]
        pg = torch.max(-a * ratio, -a * ratio.clamp(1 - clip, 1 + clip)).mean()
        loss = pg + (out["value"].squeeze(-1) - a - mb["values"]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(brain.parameters(), 0.5)
        optimizer.step()
        brain.clip_weights()


def a2c(brain: Puffer, optimizer, data):
    adv = gae(data["rewards"], data["values"], data["dones"])
    data["cuts"] = data["truncateds"]
    out = brain(data.select("env_obs"), action=data["actions"])
    loss = -(out["act_log_prob"] * adv).mean() + (out["value"].squeeze(-1) - adv).pow(2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(brain.parameters(), 0.5)
    optimizer.zero_grad()
    optimizer.step()
    scores = data["scores"]
    fresh = torch.nonzero(adv.abs().sum(1)).squeeze(-1)
    scores[fresh].copy_(adv[fresh].abs().sum(1))


def main(envs, config):
    brain = brain_for(envs.env, config)
    optimizer = torch.optim.Adam(brain.parameters())
    for _ in range(config["updates"]):
        steps = []
        brain.reset_memory()
        with torch.no_grad():
            for td in envs.steps(64):
                steps.append(brain(td))
                envs.act(td["actions"])
        ppo(brain, optimizer, torch.stack(steps, 1))
