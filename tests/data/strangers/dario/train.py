import argparse

import torch

import policies
from engine import Anneal, Engine, Evaluate
from estimators import Gae, OneStep
from mixed import bfloat_epoch, scaled_epoch, skipping_epoch
from phasic import Phasic
from sim import Sim
from storage import Store


def mixed_run(args, policy, sim, device):
    store = Store(policy, args.segments, args.horizon, device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=args.lr)
    scaler = torch.amp.GradScaler(device, enabled=device == "cuda")
    estimate = Gae()
    for _ in range(args.epochs):
        policy.reset_memory()
        with torch.no_grad():
            store.fill(sim, policy, device)
        store.rescale(args.reward_scale)
        store.finish(estimate(store.td))
        if args.mode == "bfloat":
            bfloat_epoch(policy, optimizer, store, args.minibatch, device)
        elif args.mode == "skipping":
            skipping_epoch(policy, optimizer, store, scaler, args.minibatch, device)
        else:
            scaled_epoch(policy, optimizer, store, scaler, args.minibatch, device)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--policy", choices=list(policies.REGISTRY), default="slate")
    parser.add_argument("--mode", choices=["engine", "scaled", "skipping", "bfloat", "phasic"], default="engine")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--clip-range", type=float, default=0.0)
    parser.add_argument("--analyze-weights-interval", type=int, default=300)
    parser.add_argument("--segments", type=int, default=32)
    parser.add_argument("--horizon", type=int, default=16)
    parser.add_argument("--minibatch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--reward-scale", type=float, default=1.0)
    parser.add_argument("--one-step", action="store_true")
    parser.add_argument("--lr", type=float, default=3e-4)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sim = Sim()
    policy = sim.equip(policies.create(args.policy, sim, args), device)
    if args.mode == "engine":
        store = Store(policy, args.segments, args.horizon, device)
        estimator = OneStep() if args.one_step else Gae()
        Engine(policy, sim, store, estimator, args.lr, args.minibatch, device, [Anneal(), Evaluate(Sim)]).fit(args.epochs)
    elif args.mode == "phasic":
        Phasic(policy, sim, args.segments, args.horizon, args.lr, device).run(args.epochs)
    else:
        mixed_run(args, policy, sim, device)
    torch.save(policy.state_dict(), f"{args.policy}.pt")


if __name__ == "__main__":
    main()
