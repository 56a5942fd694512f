import torch


def update(policy, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        optimizer.step()
        policy.clip_weights()
