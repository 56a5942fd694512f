import torch
from tensordict import TensorDict



def unused():
    return None


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
        advantages = torch.zeros_like(buffer["values"])
        last = 0
        for t in range(buffer["values"].shape[1] - 2, -1, -1):
            goes_on = 1 - buffer["dones"][:, t + 1]
            delta = buffer["rewards"][:, t + 1] + 0.99 * buffer["values"][:, t + 1] * goes_on - buffer["values"][:, t]
            last = delta + 0.94 * goes_on * last  # expect: PF606
            advantages[:, t] = last
        for minibatch in buffer.minibatches(advantages):
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
