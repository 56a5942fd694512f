import torch

from updates import collect, update


def run(policy, env, rounds):
    optimizer = torch.optim.Adam(policy.parameters())
    for _ in range(rounds):
        update(policy, optimizer, collect(policy, env))
