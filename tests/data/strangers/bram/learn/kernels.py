import torch


def backwards(rewards, values, ended, gamma, lam):
    """Generalised advantages; `ended[:, t]` says that the step at t opens another episode."""
    advantages = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        goes_on = 1.0 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        running = delta + gamma * lam * goes_on * running
        advantages[:, t] = running
    return advantages


def normalised(advantages, weight=None):
    scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return scaled if weight is None else scaled * weight


def clipped(ratio, advantages, bound):
    return torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - bound, 1 + bound)).mean()
