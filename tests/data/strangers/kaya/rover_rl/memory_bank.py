import torch
from torch import nn


class MemoryBank(nn.Module):
    """Recurrent state of every rover, one column per rover, on the device of the policy."""

    def __init__(self, num_layers, num_rovers, width, num_parts=2):
        super().__init__()
        self.register_buffer("bank", torch.zeros(num_parts, num_layers, num_rovers, width), persistent=False)

    def recall(self, rover_ids, is_fresh):
        """[parts, layers, rows, width]; zeros for rovers whose episode has just begun."""
        return self.bank[:, :, rover_ids].masked_fill(is_fresh.view(1, 1, -1, 1), 0.0)

    def memorize(self, rover_ids, parts):
        self.bank[:, :, rover_ids] = parts.detach()

    def blank(self, num_rows):
        return self.bank.new_zeros(self.bank.shape[0], self.bank.shape[1], num_rows, self.bank.shape[-1])

    def snapshot(self):
        return self.bank.clone()

    def restore(self, snapshot):
        self.bank.copy_(snapshot)

    def wipe(self, rover_ids=slice(None)):
        self.bank[:, :, rover_ids] = 0.0

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {"bank": torch.zeros_like(self.bank)}
        return state
