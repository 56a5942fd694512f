import torch
from tensordict import TensorDict


def minibatches(buffer: TensorDict):
    for start in range(0, len(buffer), 8):
        rows = slice(start, start + 8)
        yield rows, buffer[rows]


def refresh(buffer: TensorDict, policy) -> None:
    for rows, minibatch in minibatches(buffer):
        out = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        buffer["values"][rows].copy_(out["value"].squeeze(-1))
