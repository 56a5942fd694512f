import torch
from losses import surrogate


def update(policy, optimizer, minibatches):
    policy.reset_memory()
    for minibatch in minibatches:
        loss = surrogate(policy(minibatch, action=minibatch["actions"]), minibatch)  # expect: PF601
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()
        policy.clip_weights()
