import torch
from tensordict import TensorDict


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
        values, rewards, going = buffer["values"], buffer["rewards"], 1.0 - buffer["dones"]
        rows = [torch.zeros_like(values[:, 0])]
        for t in reversed(range(values.shape[1] - 1)):
            delta = rewards[:, t + 1] + 0.99 * values[:, t + 1] * going[:, t + 1] - values[:, t]
            rows.append(delta + 0.95 * going[:, t + 1] * rows[-1])  # expect: PF606
        for minibatch in buffer.minibatches(torch.stack(rows[::-1], dim=1)):
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
