import itertools
import sys

import torch
import torch.nn.functional as F
import yaml

from agent import R
from agent_dbg import RDbg
from agent_emb import RBounded, RMean, RPooled
from agent_heads import RDeep, RHeads, RScripted
from agent_td import S, SFlat
from agent_v2 import R2

AGENTS = {c.__name__: c for c in (R, S, SFlat, R2, RHeads, RScripted, RDeep, RMean, RBounded, RPooled, RDbg)}
KEEP = ["env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"]


def make(env, agent_type="R", device="cpu", **cfg):
    agent = AGENTS[agent_type](env, **cfg).to(device)
    most = list(env.max_action_args)
    pairs = [(k, a) for k, m in enumerate(most) for a in range(m + 1)]
    agent.cum_action_max_params = torch.tensor([0] + list(itertools.accumulate(most)), device=device)
    agent.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
    agent.activate_action_embeddings([f"{k}.{a}" for k, a in pairs], device)
    return agent


def gae(b, gamma=0.977, lam=0.916):
    adv, last = torch.zeros_like(b["rewards"]), 0.0
    on = ((b["dones"] == 0) & (b["truncateds"] == 0)).float()
    for t in range(adv.shape[1] - 2, -1, -1):
        d = b["rewards"][:, t + 1] + gamma * b["values"][:, t + 1] * on[:, t + 1] - b["values"][:, t]
        last = d + gamma * lam * on[:, t + 1] * last
        adv[:, t] = last
    return adv


def ppo(out, b, adv, eps=0.1):
    r = (out["act_log_prob"] - b["act_log_prob"]).exp()
    a = (adv - adv.mean()) / (adv.std() + 1e-8)
    pg = torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)).mean()
    return pg + 0.44 * F.mse_loss(out["value"], adv + b["values"]) - 0.002 * out["entropy"].mean()


def rollout(agent: R, env, T):
    agent.reset_memory()
    seen, mem = [], None
    with torch.no_grad():
        for _ in range(T):
            td = env.recv()
            if mem is not None:
                td["mem"] = mem
            agent(td)
            mem = td.get("mem", None)
            seen.append(td.select(*KEEP))
            env.send(td["actions"])
    return torch.stack(seen, 1)


def main(env, cfg, epochs=1000, T=64, mb=32):
    agent: R = make(env, **cfg)
    opt = torch.optim.Adam(agent.parameters(), 4.6e-4, eps=1e-12)
    for _ in range(epochs):
        b = rollout(agent, env, T)
        adv = gae(b)
        for rows in torch.randperm(b.batch_size[0]).split(mb):
            agent.reset_memory()
            out = agent(b[rows].select("env_obs", "dones", "truncateds"), action=b["actions"][rows])
            opt.zero_grad()
            ppo(out, b[rows], adv[rows]).backward()
            torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            opt.step()
            agent.clip_weights()
    return agent


if __name__ == "__main__":
    from worlds import make_env

    main(make_env(), yaml.safe_load(open(sys.argv[1])))
