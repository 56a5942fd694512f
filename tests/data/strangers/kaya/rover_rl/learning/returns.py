import torch

from ..units import steps_to_halflife_decay


def episode_boundary(segment):
    """1.0 where a new episode begins, arrived or timed out."""
    return torch.maximum(segment["dones"], segment["truncateds"])


def advantages(segment, horizon_halflife_steps, trace_decay=0.95):
    """[B, T] generalised advantages; the discount is given by its half-life in steps."""
    discount = steps_to_halflife_decay(horizon_halflife_steps)
    boundary = episode_boundary(segment)
    rewards, values = segment["rewards"], segment["values"]
    result = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for step in range(values.shape[1] - 2, -1, -1):
        continues = 1.0 - boundary[:, step + 1]
        surprise = rewards[:, step + 1] + discount * continues * values[:, step + 1] - values[:, step]
        running = surprise + discount * trace_decay * continues * running
        result[:, step] = running
    return result
