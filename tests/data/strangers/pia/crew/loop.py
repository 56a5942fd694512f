import torch


def gae(td, gamma=0.99, lam=0.95):
    """Advantages of [rows, steps], from back to front."""
    rewards, values, dones = td["rewards"], td["values"], td["dones"].float()
    result = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        alive = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        last = delta + gamma * lam * alive * last
        result[:, t] = last
    return result


def play(agent, envs, steps):
    agent.reset_memory()
    seen = []
    with torch.no_grad():
        for _ in range(steps):
            td = envs.recv()
            seen.append(agent(td).select("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"))
            envs.send(td["actions"])
    return torch.stack(seen, dim=1)


def epoch(agent, optimizer, rollout, minibatch):
    advantage = gae(rollout)
    for rows in torch.randperm(rollout.batch_size[0], device=advantage.device).split(minibatch):
        old, gain = rollout[rows], advantage[rows]
        agent.reset_memory()
        new = agent(old.select("env_obs", "dones", "truncateds"), action=old["actions"])
        ratio = (new["act_log_prob"] - old["act_log_prob"]).exp()
        loss = -torch.minimum(ratio * gain, ratio.clamp(0.9, 1.1) * gain).mean()
        loss = loss + 0.5 * (new["value"].squeeze(-1) - old["values"] - gain).square().mean()
        loss = loss - 0.01 * new["entropy"].mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        agent.clip_weights()


def train(agent, envs, updates, lr=3e-4, steps=64, minibatch=16):
    optimizer = torch.optim.Adam(agent.parameters(), lr=lr, eps=1e-5)
    for _ in range(updates):
        epoch(agent, optimizer, play(agent, envs, steps), minibatch)
