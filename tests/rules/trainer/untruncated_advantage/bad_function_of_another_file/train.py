import torch
from tensordict import TensorDict

from advantage import compute



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
        advantages = compute(buffer["values"], buffer["rewards"], buffer["dones"], 0.99, 0.95)
        for minibatch in buffer.minibatches(advantages):
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
