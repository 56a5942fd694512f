from __future__ import annotations

import argparse
import importlib
from dataclasses import asdict, replace

import torch

from ivar.agents import AGENTS
from ivar.evaluate import evaluate, watch
from ivar.ppo import AccumulatingTrainer, BootstrappedTrainer, CautiousTrainer, PPOTrainer
from ivar.settings import AgentSettings, TrainSettings

TRAINERS = {
    "ppo": PPOTrainer,
    "bootstrapped": BootstrappedTrainer,
    "accumulating": AccumulatingTrainer,
    "cautious": CautiousTrainer,
}


def build_policy(env, settings: AgentSettings):
    options = asdict(settings)
    kind = options.pop("kind")
    return AGENTS[kind](env, **options)


def install_actions(policy, env, device):
    most = torch.tensor(env.max_action_args, dtype=torch.int64)
    policy.cum_action_max_params = torch.cat([most.new_zeros(1), most.cumsum(0)]).to(device)
    pairs = [(kind, argument) for kind, top in enumerate(env.max_action_args) for argument in range(top + 1)]
    policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", default="lstm", choices=sorted(AGENTS))
    parser.add_argument("--trainer", default="ppo", choices=sorted(TRAINERS))
    parser.add_argument("--env", default="gridworld.tokens")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--watch", action="store_true")
    args = parser.parse_args()

    device = torch.device(args.device)
    settings = TrainSettings(agent=replace(AgentSettings(), kind=args.agent))
    module = importlib.import_module(args.env)
    vecenv = module.make_vector(settings.segments)
    policy = build_policy(vecenv.driver_env, settings.agent).to(device)
    install_actions(policy, vecenv.driver_env, device)

    trainer = TRAINERS[args.trainer](policy, vecenv, settings, device)
    trainer.run()
    if args.watch:
        print("episode return", watch(policy, module.make_vector(1), device))
    else:
        print("mean reward", evaluate(policy, module.make_vector(16), 500, device))


if __name__ == "__main__":
    main()
