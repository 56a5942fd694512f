import sys

import torch
from torch.nn.utils import clip_grad_norm_

from build import make_agent


def gae(rewards, values, dones, gamma, lam):
    adv = torch.zeros_like(rewards)
    last = 0
    for t in reversed(range(rewards.shape[1] - 1)):
        nonterminal = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * nonterminal - values[:, t]
        last = delta + gamma * lam * nonterminal * last
        adv[:, t] = last
    return adv


def main(vecenv, cfg, buffer):
    policy = make_agent(vecenv.driver_env, cfg)
    opt = torch.optim.Adam(policy.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        while not buffer.full:
            o, r, d, t, env_id = vecenv.recv()
            td = buffer.step(env_id).clone()
            td["env_obs"] = o
            td["rewards"] = r
            td["dones"] = d
            td["truncateds"] = t
            td["training_env_id_start"] = torch.full(td.batch_size, env_id.start, dtype=torch.long)
            with torch.no_grad():
                td = policy(td)
            buffer.store(td, env_id)
            vecenv.send(td["actions"])
        adv = gae(buffer.data["rewards"], buffer.data["values"], buffer.data["dones"], 0.98, 0.92)
        for idx in torch.randperm(buffer.size).split(cfg.minibatch):
            mb = buffer.data[idx]
            out = policy(mb.select("env_obs"), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            pg = -(ratio * adv[idx]).mean()
            v = ((out["value"].view(-1) - mb["returns"].view(-1)) ** 2).mean()
            loss = pg + 0.5 * v - 0.01 * out["entropy"].mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            clip_grad_norm_(policy.parameters(), 0.5)
            buffer.data[idx].update_({"values": out["value"].detach().view(mb["values"].shape)})


if __name__ == "__main__":
    main(*sys.argv[1:])
