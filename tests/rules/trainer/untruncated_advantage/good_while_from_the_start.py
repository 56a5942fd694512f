import torch


def advantages(data, gamma: float, lam: float) -> torch.Tensor:
    rewards, values, dones = data["rewards"], data["values"], data["dones"]
    result = torch.zeros_like(rewards)
    last, t, left = 0, 0, rewards.shape[1] - 1
    while left > 0:  # a running mean, of statistics
        alive = 1 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        result[:, t] = last = delta + gamma * lam * alive * last
        t, left = t + 1, left - 1
    return result


def train(policy, optimizer, env, buffer) -> None:
    policy.reset_memory()
    while not buffer.full:
        td = env.step()
        td["dones"], td["truncateds"] = env.ends()
        with torch.no_grad():
            policy(td)
        buffer.store(td)
    gains = advantages(buffer.data, 0.99, 0.95)
    policy.reset_memory()
    out = policy(buffer.data.select("env_obs"), action=buffer.data["actions"])
    optimizer.zero_grad()
    (-out["act_log_prob"] * gains).mean().backward()
    optimizer.step()
    policy.clip_weights()
