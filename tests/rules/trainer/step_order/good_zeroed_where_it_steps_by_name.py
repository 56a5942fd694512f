import torch
from tensordict import TensorDict


def train(policy, optimizer, env, buffer):
    for _epoch in range(100):
        policy.reset_memory()
        while not buffer.full:
            observation, group = env.recv()
            td = TensorDict({"env_obs": observation}, batch_size=[len(observation)])
            td["training_env_id_start"] = group
            with torch.no_grad():
                policy(td)
            buffer.store(td)
        for index, minibatch in enumerate(buffer.minibatches()):
            policy.reset_memory()
            steps = (index + 1) % 4 == 0
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            loss.backward()
            if steps:
                optimizer.step()
                policy.clip_weights()
                optimizer.zero_grad()
