import torch
from losses import surrogate


def update(policy, optimizer, minibatches):
    for minibatch in minibatches:
        policy.reset_memory()
        out = policy(minibatch, action=minibatch["actions"])
        loss = surrogate(policy, out, minibatch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()  # expect: PF602
