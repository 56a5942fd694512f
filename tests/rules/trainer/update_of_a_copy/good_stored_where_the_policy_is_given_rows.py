import torch


def refresh(policy, batch, rows: torch.Tensor, start: int):
    policy.reset_memory()
    with torch.no_grad():
        out = policy(batch[rows].select("env_obs"), action=batch["actions"][rows])
    batch["values"][rows] = out["value"].squeeze(-1)
    batch["values"][start].copy_(out["value"][0])
    batch["values"][start : start + 4].copy_(out["value"][:4])
    policy.reset_memory()
