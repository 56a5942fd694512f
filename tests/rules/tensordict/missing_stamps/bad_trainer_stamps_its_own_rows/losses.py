"""What is stamped is what the loss reads, and not what the policy gets."""

import torch

from policy import Forager


def update(policy: Forager, optimizer, minibatch):
    policy.reset_memory()
    B, T = minibatch.batch_size
    td = policy(minibatch.clone(), action=minibatch["actions"])
    td = td.reshape(B * T)
    td.set("bptt", torch.full((B * T,), T, dtype=torch.long))
    td.set("batch", torch.full((B * T,), B, dtype=torch.long))
    loss = -(td["act_log_prob"] * minibatch["advantages"].flatten()).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
