import torch
from tensordict import TensorDict


def gae(values, rewards, dones, gamma=0.99, lam=0.95):
    advantages = torch.zeros_like(values)
    last = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        goes_on = 1.0 - dones[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        last = delta + gamma * lam * goes_on * last
        advantages[:, t] = last
    return advantages


def train(policy, optimizer, env, buffer):
    while True:
        policy.reset_memory()
        while not buffer.full:
            o, r, d, t, group = env.recv()
            td = TensorDict({"env_obs": o, "rewards": r}, batch_size=[len(r)])
            td["training_env_id_start"] = group
            td["dones"] = d.float()
            td["truncateds"] = t.float()
            with torch.no_grad():
                policy(td)
            buffer.store(td)
        total = 0
        for t in reversed(range(16)):
            total = buffer["rewards"][:, t] + total
        advantages = buffer.advantages()
        for minibatch in buffer.minibatches(advantages):
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
