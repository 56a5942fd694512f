"""The loop of the first submission, kept so that figure 2 can be drawn again."""

import torch
import torch.nn.functional as F

from agent import R
from train import make


def main(env, cfg, epochs=500, T=64, mb=32, gamma=0.98, lam=0.92):
    agent: R = make(env, agent_type="R", **cfg)
    opt = torch.optim.Adam(agent.parameters(), 3e-4)
    for _ in range(epochs):
        seen = []
        with torch.no_grad():
            for _ in range(T):
                td = env.recv()
                agent(td)
                seen.append(td.select("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"))
                env.send(td["actions"])
        b = torch.stack(seen, 1)

        adv, last = torch.zeros_like(b["rewards"]), 0.0
        for t in reversed(range(T - 1)):
            on = 1 - b["dones"][:, t + 1]
            last = b["rewards"][:, t + 1] + gamma * on * b["values"][:, t + 1] - b["values"][:, t] + gamma * lam * on * last
            adv[:, t] = last

        for rows in torch.randperm(b.batch_size[0]).split(mb):
            agent.reset_memory()
            out = agent(b[rows].select("env_obs", "dones", "truncateds"), action=b["actions"][rows])
            r = (out["act_log_prob"] - b["act_log_prob"][rows]).exp()
            loss = -torch.min(adv[rows] * r, adv[rows] * r.clamp(0.8, 1.2)).mean()
            loss = loss + 0.5 * F.mse_loss(out["value"], adv[rows] + b["values"][rows]) - 0.01 * out["entropy"].mean()
            loss.backward()
            opt.zero_grad()
            torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            opt.step()
    return agent
