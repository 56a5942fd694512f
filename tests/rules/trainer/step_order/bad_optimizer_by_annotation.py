import torch
from tensordict import TensorDict
from torch.optim import Optimizer


def train(policy, optimizer: Optimizer, env, buffer):
    for _epoch in range(100):
        policy.reset_memory()
        while not buffer.full:
            observation, group = env.recv()
            td = TensorDict({"env_obs": observation}, batch_size=[len(observation)])
            td["training_env_id_start"] = group
            with torch.no_grad():
                policy(td)
            buffer.store(td)
        for minibatch in buffer.minibatches():
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
            loss.backward()
            optimizer.step()  # expect: PF603
            policy.clip_weights()
