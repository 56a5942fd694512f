import torch


def refresh(policy, batch, rows: torch.Tensor):
    policy.reset_memory()
    with torch.no_grad():
        out = policy(batch[rows].select("env_obs"), action=batch["actions"][rows])
    batch["values"][rows].copy_(out["value"].squeeze(-1))  # expect: PF605
    policy.reset_memory()
