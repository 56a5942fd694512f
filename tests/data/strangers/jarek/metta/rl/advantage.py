import torch


def compute_advantage(values, rewards, dones, gamma, gae_lambda):
    """values, rewards, dones: [B, T] of the whole buffer."""
    advantages = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        nonterminal = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * nonterminal - values[:, t]
        last = delta + gamma * gae_lambda * nonterminal * last
        advantages[:, t] = last
    return advantages
