"""The stamps of a head of its own: it evaluates no actions there."""

import torch

from policy import Forager


def predict(policy: Forager, minibatch):
    policy.reset_memory()
    B, T = minibatch.batch_size
    td = minibatch.reshape(B * T)
    td.set("bptt", torch.full((B * T,), T, dtype=torch.long))
    td.set("batch", torch.full((B * T,), B, dtype=torch.long))
    prediction = policy.heads["prediction"](td)
    return (prediction - minibatch["rewards"]).square().mean()
