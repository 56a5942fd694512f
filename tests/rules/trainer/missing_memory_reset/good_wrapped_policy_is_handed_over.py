import torch
from agents import make
from losses import surrogate


def train(core, minibatches, evaluate):
    policy = make(core)
    optimizer = torch.optim.Adam(policy.parameters())
    for minibatch in minibatches:
        policy.has_memory()
        evaluate(core)
        loss = surrogate(policy(minibatch, action=minibatch["actions"]), minibatch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
