# ppo_first.py --seed 1 ... one file, no classes, as god intended (well, two: first.py)
import torch
import torch.nn as nn
import torch.optim as optim

from tokenppo.old.first import FirstAgent


def advantage(td, gamma=0.977, lam=0.916):
    r, v, d = td["rewards"], td["values"], td["dones"].float()
    T = r.shape[1]
    adv = torch.zeros_like(r)
    lastgaelam = 0
    for t in reversed(range(T - 1)):
        nextnonterminal = 1.0 - d[:, t + 1]
        delta = r[:, t + 1] + gamma * v[:, t + 1] * nextnonterminal - v[:, t]
        adv[:, t] = lastgaelam = delta + gamma * lam * nextnonterminal * lastgaelam
    return adv


def main(env, envs, total=1000, horizon=64, n_mb=4):
    agent = FirstAgent(env)
    opt = optim.Adam(agent.parameters(), lr=2.5e-4, eps=1e-5)
    for _ in range(total):
        frames, n_trunc = [], 0
        with torch.no_grad():
            for _ in range(horizon):
                td = envs.recv()
                n_trunc += td["truncateds"].sum()
                agent(td)
                envs.send(td["actions"])
                frames.append(td.clone())
        data = torch.stack(frames, 1)
        adv = advantage(data)
        ret = adv + data["values"]
        for idx in torch.randperm(data.shape[0]).chunk(n_mb):
            mb = data[idx]
            out = agent(mb.select("env_obs"), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            pg = -torch.min(adv[idx] * ratio, adv[idx] * ratio.clamp(0.9, 1.1)).mean()
            vf = (out["value"].squeeze(-1) - ret[idx]).pow(2).mean()
            loss = pg + 0.5 * vf - 0.01 * out["entropy"].mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        print(f"return {data['rewards'].sum(1).mean():.3f}, {n_trunc} truncated")
