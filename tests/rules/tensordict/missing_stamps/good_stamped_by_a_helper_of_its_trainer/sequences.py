import torch


def mark(td, rows, steps):
    """Says how rows are folded back into time, where nobody has said it yet."""
    if "batch" not in td.keys():
        td.set("batch", torch.full((rows * steps,), rows, dtype=torch.long))
    if "bptt" not in td.keys():
        td.set("bptt", torch.full((rows * steps,), steps, dtype=torch.long))
