import torch


class Stamps:
    def stamp(self, td, observations):
        if observations.dim() == 4:
            rows, steps = observations.shape[0], observations.shape[1]
            td.set("bptt", torch.full((rows * steps,), steps, dtype=torch.int64))
            td.set("batch", torch.full((rows * steps,), rows, dtype=torch.int64))
        else:
            rows = observations.shape[0]
            td.set("bptt", torch.full((rows,), 1, dtype=torch.int64))
            td.set("batch", torch.full((rows,), rows, dtype=torch.int64))
