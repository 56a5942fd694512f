import torch


def advantages(data, gamma: float, lam: float) -> torch.Tensor:
    rewards, values, dones = data["rewards"], data["values"], data["dones"]
    result = torch.zeros_like(rewards)
    last, t = 0, rewards.shape[1] - 2
    while t >= 0:
        alive = 1 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        result[:, t] = last = delta + gamma * lam * alive * last  # expect: PF606
        t -= 1
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
