import torch
from tensordict import TensorDict
from torch import nn

from make import make_policy


def gae(rewards, values, dones, truncateds, gamma=0.99, lam=0.95):
    # truncateds: only for the episode statistics
    print("episodes cut short:", truncateds.sum().item())
    adv = torch.zeros_like(rewards)
    last = 0
    for t in reversed(range(rewards.shape[1] - 1)):
        nonterminal = 1.0 - dones[:, t + 1]
        delta = rewards[:, t] + gamma * values[:, t + 1] * nonterminal - values[:, t]
        last = delta + gamma * lam * nonterminal * last
        adv[:, t] = last
    return adv


def train(cfg, env, buffer):
    policy = make_policy(cfg, env)
    opt = torch.optim.Adam(policy.parameters(), lr=cfg.lr)
    while buffer.total_steps < cfg.total_steps:
        policy.reset_memory()
        with torch.no_grad():
            while not buffer.full:
                td = env.recv()
                policy(td)
                env.send(td["actions"])
                buffer.store(td)

        data = TensorDict(buffer.everything(), batch_size=[cfg.envs, cfg.horizon])
        adv = gae(data["rewards"], data["values"], data["dones"], data["truncateds"])
        for _ in range(cfg.epochs):
            idx = torch.randperm(len(data))[: cfg.minibatch]
            mb = data[idx]
            out = policy(mb.select("env_obs"), action=mb["actions"])
            ratio = torch.exp(out["act_log_prob"] - mb["act_log_prob"])
            a = adv[idx]
            pg = torch.max(-a * ratio, -a * ratio.clamp(0.8, 1.2)).mean()
            vf = (out["value"].squeeze(-1) - (a + mb["values"])).square().mean()
            loss = pg + vf * cfg.vf - cfg.ent * out["entropy"].mean()
            loss.backward()
            opt.zero_grad()
            opt.step()
            nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            data[idx].update({"values": out["value"].detach().squeeze(-1)})
