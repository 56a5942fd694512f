import torch
from tensordict import TensorDict


def forget(policy):
    policy.reset_memory()


def prepare(policy):
    policy_to_prepare = policy
    forget(policy_to_prepare)


def train(policy, env, buffer):
    optimizer = torch.optim.Adam(policy.parameters())
    for _epoch in range(100):
        prepare(policy)
        while not buffer.full:
            observation, group = env.recv()
            td = TensorDict({"env_obs": observation}, batch_size=[len(observation)])
            td["training_env_id_start"] = group
            with torch.no_grad():
                policy(td)
            buffer.store(td)
        for minibatch in buffer.minibatches():
            prepare(policy)
            out = policy(minibatch, action=minibatch["actions"])
            loss = -out["act_log_prob"].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
