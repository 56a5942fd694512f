import torch
from tensordict import TensorDict


def train(policy, batches):
    optimizer = torch.optim.Adam(policy.parameters())
    for td in batches:
        policy.reset_memory()
        loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
