"""Functions of actions that several agents share."""

import torch
from torch.distributions import Categorical


def sample_actions(logits, table):
    """Actions `[N, 2]`, their log-probs `[N]`, and all log-probs `[N, A]`."""
    policy = Categorical(logits=logits)
    index = policy.sample()
    return table[index].to(torch.int32), policy.log_prob(index), policy.logits


def evaluate_actions(logits, index):
    """Log-probs `[N]` of joint indices `[N]`, entropy `[N]`, and all log-probs `[N, A]`."""
    policy = Categorical(logits=logits)
    return policy.log_prob(index), policy.entropy(), policy.logits


def episode_ends(td, batch, steps):
    """Bool `[B, T]`: true where an episode has ended before the step. Either flag may be missing."""
    ended = torch.zeros(batch, steps, dtype=torch.bool, device=td["env_obs"].device)
    for key in ("dones", "truncateds"):
        flags = td.get(key, None)
        if flags is not None:
            ended = ended | flags.view(batch, steps).bool()
    return ended
