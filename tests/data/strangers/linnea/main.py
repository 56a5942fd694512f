from __future__ import annotations

import importlib
import sys

import torch

from linnea import policies, trainers
from linnea.acting import Front, league, play, sequences
from linnea.replay import RankedReplay, SequenceReplay


def install(policy, env, device):
    policy.to(device)
    most = list(env.max_action_args)
    policy.cum_action_max_params = torch.tensor([sum(most[:k]) for k in range(len(most) + 1)], device=device)
    policy.action_index_tensor = torch.tensor(
        [[k, argument] for k in range(len(most)) for argument in range(most[k] + 1)], dtype=torch.int32, device=device
    )
    return policy


def replayed(env, front, device, rounds, kind="Recaller"):
    """The caller keeps the state."""
    policy = install(getattr(policies, kind)(env, clip_range=0.5, analyze_weights_interval=300), env, device)
    size = policy.initial(1, torch.zeros(1)).shape[1]
    replay = SequenceReplay(policy.get_agent_experience_spec(), 4096, 40, device, size)
    trainer, state = trainers.BurnInTrainer(policy, replay), None
    for number in range(rounds):
        td, state = sequences(policy, front, 40, state)
        replay.extend(td)
        trainer.step(64, min(1.0, 0.4 + number / rounds))
    return policy


def kept(env, front, device, rounds, kind="Keeper", trainer="EpochTrainer"):
    policy = install(getattr(policies, kind)(env, clip_range=0.5, analyze_weights_interval=300), env, device)
    store = RankedReplay if trainer == "RetraceTrainer" else SequenceReplay
    replay = store(policy.get_agent_experience_spec(), 4096, 40, device)
    learner = getattr(trainers, trainer)(policy, replay)
    for number in range(rounds):
        replay.extend(play(policy, front, 40))
        learner.step(64, min(1.0, 0.4 + number / rounds))
        if number % 100 == 99:
            replay.decay(0.9)
    trainers.finetune(policy, replay, 500)
    return policy


def main(env_name: str, rounds: int = 10_000) -> None:
    device = torch.device("cuda")
    vecenv = importlib.import_module(env_name).make_vector(512)
    front = Front(vecenv, device)
    names = ("Keeper", "Radial", "Eager", "Twin")
    players = {name: kept(vecenv.driver_env, front, device, rounds, name) for name in names}
    for kind in ("Recaller", "Informed"):
        policy = replayed(vecenv.driver_env, front, device, rounds, kind)
        torch.save(policy.state_dict(), kind.lower() + ".pt")
    for name, reward in league(players, front, 1000).items():
        print(f"{name:10s} {reward:8.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
