import torch
from tensordict import TensorDict


def refresh(policy, buffer: TensorDict, indices: torch.Tensor, data: TensorDict) -> None:
    rows = buffer[indices]
    rows.update_(data)  # expect: PF605
    policy.reset_memory()
