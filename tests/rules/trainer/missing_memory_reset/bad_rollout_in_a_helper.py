import torch
from tensordict import TensorDict


def observe(env):
    observation, group = env.recv()
    td = TensorDict({"env_obs": observation}, batch_size=[len(observation)])
    td["training_env_id_start"] = group
    return td


@torch.no_grad()
def collect(policy, env, horizon):
    return torch.stack([policy(observe(env)) for _ in range(horizon)], dim=1)  # expect: PF601


def train(policy, env):
    optimizer = torch.optim.Adam(policy.parameters())
    for _epoch in range(100):
        rollout = collect(policy, env, 64)
        for minibatch in rollout.split(32):
            policy.reset_memory()
            out = policy(minibatch, action=minibatch["actions"])
            loss = -out["act_log_prob"].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
