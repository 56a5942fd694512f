import torch


def gae(td, gamma=0.99, lam=0.95):
    advantages, last = torch.zeros_like(td["values"]), 0.0
    for t in reversed(range(td.shape[1] - 1)):
        goes_on = 1.0 - td["dones"][:, t + 1].float()
        delta = td["rewards"][:, t + 1] + gamma * td["values"][:, t + 1] * goes_on - td["values"][:, t]
        last = delta + gamma * lam * goes_on * last
        advantages[:, t] = last
    return advantages


def learn(policy, optimizer, rollout, size):
    advantages = gae(rollout)
    for rows in torch.randperm(rollout.shape[0]).split(size):
        old = rollout[rows]
        policy.reset_memory()
        out = policy(old.select("env_obs", "dones", "truncateds", strict=False), action=old["actions"])
        loss = -(out["act_log_prob"] * advantages[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
