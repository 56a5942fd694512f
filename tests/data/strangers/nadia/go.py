import torch
import yaml

from policies import ALL
from policies.walker import Walker


def make(env, path):
    cfg = yaml.safe_load(open(path))
    cls = ALL[cfg["agent_type"]]
    try:
        return cls(env, hidden=cfg["hidden"])
    except TypeError:
        return cls(env)


def make_walker(env, cfg):
    opts = {k: v for k, v in cfg.items() if k not in ("agent_type", "_target_")}
    return Walker(env, **opts)


def train(env, policy: Walker, buf, epochs=100):
    opt = torch.optim.Adam(policy.parameters(), 1e-3)
    for ep in range(epochs):
        while not buf.full():
            td = env.recv()
            with torch.no_grad():
                policy(td)
            buf.add(td)
            env.send(td["actions"])
        adv = gae(buf.td)
        for mb in buf.minibatches():
            out = policy(mb.select("env_obs"), action=mb["actions"])
            r = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            loss = -(r * adv[mb["row"]]).mean() + (out["value"] - mb["returns"]).pow(2).mean()
            loss.backward()
            opt.step()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            opt.zero_grad()


def gae(td, gamma=0.99, lam=0.95):
    rew, val, done = td["rewards"], td["values"], td["dones"].float()
    adv = torch.zeros_like(rew)
    last = 0
    for t in reversed(range(rew.shape[1] - 1)):
        mask = 1 - done[:, t + 1]
        delta = rew[:, t + 1] + gamma * val[:, t + 1] * mask - val[:, t]
        last = delta + gamma * lam * mask * last
        adv[:, t] = last
    td["time_outs"] = td["truncateds"].sum()
    return adv
