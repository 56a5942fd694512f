"""PPO, a function for each of its parts."""

import torch
from torch.nn.utils import clip_grad_norm_

from .experience import Experience, experience_spec
from .factory import make_agent


def advantages(buffer, gamma: float, lam: float) -> torch.Tensor:
    rewards, values = buffer["rewards"], buffer["values"]
    over = (buffer["dones"] + buffer["truncateds"]).clamp(max=1.0)
    out = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        alive = 1.0 - over[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        running = delta + gamma * lam * alive * running
        out[:, t] = running
    return out


@torch.no_grad()
def collect(agent, env, experience: Experience) -> None:
    agent.reset_memory()
    full = False
    while not full:
        for rows in env.groups():
            td = env.receive(rows)
            agent(td)
            experience.store(td, rows)
            env.send(td["actions"])
        full = experience.advance()


def ppo_loss(out, minibatch, adv, cfg) -> torch.Tensor:
    returns = minibatch["values"] + adv
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
    surrogate = torch.min(ratio * adv, ratio.clamp(1 - cfg.clip, 1 + cfg.clip) * adv)
    value = 0.5 * (out["value"].view_as(returns) - returns).square().mean()
    return cfg.vf * value - surrogate.mean() - cfg.ent * out["entropy"].mean()


def update(agent, optimizer, experience: Experience, cfg) -> None:
    adv = advantages(experience.buffer, cfg.gamma, cfg.lam)
    for _ in range(cfg.minibatches):
        index, minibatch = experience.sample(cfg.segments)
        agent.reset_memory()
        out = agent(minibatch.select("env_obs"), action=minibatch["actions"])
        loss = ppo_loss(out, minibatch, adv[index], cfg)
        optimizer.zero_grad()
        (loss + cfg.l2_init * agent.l2_init_loss()).backward()
        clip_grad_norm_(agent.parameters(), cfg.max_grad_norm)
        optimizer.step()
        agent.clip_weights()
        experience.refresh(index, out["value"].detach().view_as(minibatch["values"]))


def train(cfg, env, device) -> None:
    agent = make_agent(cfg.agent, env, device)
    optimizer = torch.optim.Adam(agent.parameters(), lr=cfg.lr, eps=1e-12)
    spec = experience_spec(env.single_observation_space.shape[0])
    experience = Experience(spec, env.num_envs, cfg.horizon, device)
    for _ in range(cfg.epochs):
        collect(agent, env, experience)
        update(agent, optimizer, experience, cfg)
