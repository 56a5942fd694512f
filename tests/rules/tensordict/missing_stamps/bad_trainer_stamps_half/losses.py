"""The number of rows is missing: the steps alone fold nothing."""

import torch

from policy import Forager


def update(policy: Forager, optimizer, minibatch):
    policy.reset_memory()
    steps = minibatch.batch_size[1]
    td = minibatch.flatten()
    td["bptt"] = torch.full(td.batch_size, steps, dtype=torch.long)
    td = policy(td, action=minibatch["actions"])
    loss = -td["act_log_prob"].mean() / minibatch["batch"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
