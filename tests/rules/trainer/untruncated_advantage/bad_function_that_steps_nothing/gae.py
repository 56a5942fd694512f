import torch


def advantages(td, gamma, lam):
    rewards, values, ended = td['rewards'], td['values'], td['dones']
    out = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        goes_on = 1 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        last = delta + gamma * lam * goes_on * last  # expect: PF606
        out[:, t] = last
    return out
