import torch


def retrace(td, values, ratio, gamma, lam=0.95):
    errors, running = torch.zeros_like(values), torch.zeros_like(values[:, -1])
    for t in range(values.shape[1] - 2, -1, -1):
        go = gamma * (1.0 - td["dones"][:, t + 1])
        delta = td["rewards"][:, t + 1] + go * values[:, t + 1] - values[:, t]
        running = delta + go * lam * ratio[:, t + 1].clamp(max=1.0) * running  # expect: PF606
        errors[:, t] = running
    return errors


def update(policy, optimizer, batch):
    policy.reset_memory()
    out = policy(batch.select("env_obs", "dones", "truncateds"), action=batch["actions"])
    values = out["value"].detach()
    ratio = (out["act_log_prob"].detach() - batch["act_log_prob"]).exp()
    errors = retrace(batch, values, ratio, 0.99)
    loss = -(errors * out["act_log_prob"]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
