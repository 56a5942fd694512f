from contextlib import contextmanager

import torch
from tensordict import TensorDict


@contextmanager
def fresh(policy):
    policy.reset_memory()
    try:
        yield policy
    finally:
        policy.reset_memory()


def learn(policy, optimizer, loader):
    for mb in loader:
        with fresh(policy):
            out = policy(mb, action=mb["actions"])
        loss = -out["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
