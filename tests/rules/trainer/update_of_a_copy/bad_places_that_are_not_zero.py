import torch


def rescore(policy, optimizer, data, advantages: torch.Tensor) -> None:
    policy.reset_memory()
    loss = -(policy(data.select("env_obs"), action=data["actions"])["act_log_prob"] * advantages).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
    scores = data["scores"]
    fresh = torch.nonzero(advantages.abs().sum(1)).squeeze(-1)
    scores[fresh].copy_(advantages[fresh].abs().sum(1))  # expect: PF605
