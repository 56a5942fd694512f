import torch


def gae(rewards, values, dones, truncateds, gamma=0.99, lam=0.95):
    """All [B, T]; both flags cut."""
    cut = torch.maximum(dones.float(), truncateds.float())
    out = torch.zeros_like(values)
    acc = torch.zeros_like(values[:, -1])
    t = values.shape[1] - 2
    while t >= 0:
        go = 1.0 - cut[:, t + 1]
        acc = rewards[:, t + 1] + gamma * values[:, t + 1] * go - values[:, t] + gamma * lam * go * acc
        out[:, t] = acc
        t -= 1
    return out


def td_lambda(batch, gamma=0.99, lam=0.95):
    r, v = batch["rewards"], batch["values"]
    nonterminal = 1.0 - batch["dones"].float()
    lost = batch["truncateds"].float().mean()
    advs = []
    g = torch.zeros_like(v[:, 0])
    for t in range(r.size(1) - 2, -1, -1):
        delta = r[:, t + 1] + gamma * nonterminal[:, t + 1] * v[:, t + 1] - v[:, t]
        g = delta + gamma * lam * nonterminal[:, t + 1] * g
        advs.insert(0, g)
    return torch.stack(advs, 1), lost
