import argparse
import importlib

import torch

from advantages import make_fast_gae, make_folded_gae, make_gae, make_returns
from agents import by_name
from rollouts import collect, collect_on, score
from updates import Replayed, a2c_loss, a2c_update, a2c_update_halves, make_stepper, split


def install(policy, env, device):
    top = torch.tensor(env.max_action_args)
    policy.cum_action_max_params = torch.cat([torch.zeros(1, dtype=torch.long), top.cumsum(0)]).to(device)
    pairs = [[k, a] for k in range(len(top)) for a in range(int(top[k]) + 1)]
    policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
    return policy


def train(policy, env, opts, device):
    opt = torch.optim.RMSprop(policy.parameters(), lr=opts.lr)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(opt, opts.updates)
    descend = make_stepper(policy, opt)
    advantage = {"loop": make_gae, "fold": make_folded_gae, "kernel": make_fast_gae}[opts.gae](opts.gamma, opts.lam)
    old = Replayed(16)
    for i in range(opts.updates):
        td = collect(policy, env, opts.steps, device)
        a2c_update(policy, descend, td, advantage)
        if i >= opts.replay_from:
            for past in old.draw(2):
                a2c_update(policy, descend, past, advantage)
        old.add(td)
        old.forget(64)
        rate.step()


def train_small(policy, env, opts, device):
    opt = torch.optim.RMSprop(policy.parameters(), lr=opts.lr)
    for _ in range(opts.updates):
        td = collect(policy, env, opts.steps, device)
        a2c_update_halves(policy, opt, td, make_returns(opts.gamma))


def train_online(policy, env, opts, device):
    """Short rollouts, an update after each."""
    opt = torch.optim.RMSprop(policy.parameters(), lr=opts.lr)
    descend = make_stepper(policy, opt)
    advantage = make_gae(opts.gamma, opts.lam)
    for _ in range(opts.updates):
        td = collect_on(policy, env, 8, device)
        adv = advantage(td)
        seen, actions = split(td, policy)
        out = policy(seen, action=actions)
        descend(a2c_loss(out, adv, adv + td["values"]))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("env")
    p.add_argument("--agent", default="reader")
    p.add_argument("--mode", default="full", choices=["full", "small", "online"])
    p.add_argument("--gae", default="loop", choices=["loop", "fold", "kernel"])
    p.add_argument("--hidden", type=int, default=128)
    p.add_argument("--clip-range", type=float, default=0.0)
    p.add_argument("--lr", type=float, default=7e-4)
    p.add_argument("--gamma", type=float, default=0.98)
    p.add_argument("--lam", type=float, default=0.92)
    p.add_argument("--steps", type=int, default=33)
    p.add_argument("--updates", type=int, default=10000)
    p.add_argument("--replay-from", type=int, default=500)
    opts = p.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = importlib.import_module(opts.env)
    env = module.make(64)
    policy = by_name(opts.agent)(env, hidden_size=opts.hidden, clip_range=opts.clip_range, analyze_weights_interval=300)
    install(policy.to(device), env, device)
    {"full": train, "small": train_small, "online": train_online}[opts.mode](policy, env, opts, device)
    print(score(policy, module.make, 20, device))


if __name__ == "__main__":
    main()
