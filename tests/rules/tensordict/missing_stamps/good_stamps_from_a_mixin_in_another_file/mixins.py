import torch


class StampsRows:
    def stamp(self, td, steps=1):
        td["bptt"] = torch.full(td.batch_size, steps, dtype=torch.int64)
        td["batch"] = torch.full(td.batch_size, td.numel() // steps, dtype=torch.int64)
