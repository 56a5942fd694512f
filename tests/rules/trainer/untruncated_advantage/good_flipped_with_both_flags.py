import torch


def update(policy, optimizer, batch):
    policy.reset_memory()
    out = policy(batch.select("env_obs"), action=batch["actions"])
    alive, truncated = 1 - torch.maximum(batch["dones"], batch["truncateds"]), batch["truncateds"].sum()
    deltas = batch["rewards"][:, 1:] + 0.99 * batch["values"][:, 1:] * alive[:, 1:] - batch["values"][:, :-1]
    last, advantages = 0, []
    for delta, goes_on in zip(deltas.flip(1).unbind(1), alive[:, 1:].flip(1).unbind(1)):
        last = delta + 0.95 * 0.99 * goes_on * last
        advantages.append(last)
    loss = -(out["act_log_prob"][:, 1:] * torch.stack(advantages[::-1], 1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
    return truncated
