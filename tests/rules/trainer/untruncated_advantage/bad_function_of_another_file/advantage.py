import torch


def compute(values, rewards, dones, gamma, lam):
    """Generalised advantages; truncateds are the caller's business."""
    ended = dones.to(values.dtype)
    last = torch.zeros_like(values[:, 0])
    rows = []
    for t in reversed(range(values.shape[1] - 1)):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * (1 - ended[:, t + 1]) - values[:, t]
        last = delta + gamma * lam * (1 - ended[:, t + 1]) * last  # expect: PF606
        rows.append(last)
    return torch.stack(rows[::-1], dim=1)
