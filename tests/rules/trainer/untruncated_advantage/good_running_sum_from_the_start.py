import torch


def update(policy, optimizer, rollout, bootstrap):
    policy.reset_memory()
    rewards, values, dones, truncateds = [], [], [], []
    for td in rollout:
        rewards.append(td["rewards"])
        values.append(td["values"])
        dones.append(td["dones"])
        truncateds.append(td["truncateds"])
    last, advantages = 0, []
    for reward, value, done in zip(rewards, values, dones):
        goes_on = 1 - done
        delta = reward + 0.99 * bootstrap * goes_on - value
        last = delta + 0.95 * 0.99 * goes_on * last
        bootstrap = value
        advantages.insert(0, last)
    loss = -torch.stack(advantages).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
