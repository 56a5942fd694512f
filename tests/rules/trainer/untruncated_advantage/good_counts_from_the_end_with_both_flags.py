import torch


def advantages(data, gamma: float, lam: float) -> torch.Tensor:
    rewards, values = data["rewards"], data["values"]
    dones = torch.maximum(data["dones"], data["truncateds"])
    result = torch.zeros_like(rewards)
    last, steps = 0, rewards.shape[1]
    for k in range(steps - 1):
        t = steps - 2 - k
        alive = 1 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        result[:, t] = last = delta + gamma * lam * alive * last
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
