import torch


def puff(values, rewards, dones, truncateds, gamma, lam):
    cut = 1.0 - (dones + truncateds).clamp(max=1.0)
    adv = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * cut[:, t + 1] - values[:, t]
        last = delta + gamma * lam * cut[:, t + 1] * last
        adv[:, t] = last
    return adv


def returns(rewards, dones, gamma):
    total = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, 0])
    t = rewards.shape[1] - 1
    while t >= 0:
        running = rewards[:, t] + gamma * running * (1 - dones[:, t])
        total[:, t] = running
        t -= 1
    return total


def vtrace(values, rewards, dones, ratio, gamma):
    rho = ratio.clamp(max=1.0)
    acc = torch.zeros_like(values[:, 0])
    out = values.clone()
    for t in reversed(range(values.shape[1] - 1)):
        discount = gamma * (1.0 - dones[:, t + 1])
        delta = rho[:, t] * (rewards[:, t + 1] + discount * values[:, t + 1] - values[:, t])
        acc = delta + discount * rho[:, t] * acc
        out[:, t] += acc
    return out
