import torch
from torch import nn


def init_recurrent(core, weight_gain=1.0, bias_value=1.0):
    for name, parameter in core.named_parameters():
        if name.startswith("bias"):
            nn.init.constant_(parameter, bias_value)
        else:
            nn.init.orthogonal_(parameter, gain=weight_gain)


def num_rows_and_steps(td):
    """(rows, steps) of a rollout's [B] or a minibatch's [B, T]."""
    return (td.shape[0], 1) if td.ndim == 1 else (td.shape[0], td.shape[1])


def stamp(td, num_rows, num_steps):
    count = num_rows * num_steps
    device = td["env_obs"].device
    td["bptt"] = torch.full(size=(count,), fill_value=num_steps, dtype=torch.int64, device=device)
    td["batch"] = torch.full(size=(count,), fill_value=num_rows, dtype=torch.int64, device=device)


def fresh_episode_mask(td):
    """bool, one per flattened row: the rover's last episode is over, by arrival or by the clock."""
    fresh = torch.zeros_like(td["env_obs"][:, 0, 0], dtype=torch.bool)
    for flag_key in ("dones", "truncateds"):
        if flag_key in td.keys():
            fresh |= td[flag_key].bool().reshape(-1)
    return fresh


def rover_ids(td, num_rows):
    offsets = torch.arange(num_rows, device=td["env_obs"].device)
    if "training_env_id_start" not in td.keys():
        return offsets
    return offsets + td["training_env_id_start"].reshape(-1)


def choose(log_probs):
    index = torch.multinomial(log_probs.exp(), num_samples=1)
    return index.squeeze(1), log_probs.gather(1, index).squeeze(1)


def entropy_nats(log_probs):
    return -(log_probs.exp() * log_probs).sum(dim=1)
