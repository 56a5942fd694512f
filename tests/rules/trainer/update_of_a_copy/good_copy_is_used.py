import torch
from tensordict import TensorDict


def sample(buffer: TensorDict, count: int) -> TensorDict:
    rows = torch.randperm(count)
    minibatch = buffer[rows]
    minibatch["advantages"] = minibatch["returns"] - minibatch["values"]
    minibatch.update_({"values": minibatch["values"].clamp(-1, 1)})
    return minibatch
