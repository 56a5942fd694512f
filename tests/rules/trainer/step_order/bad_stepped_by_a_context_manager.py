from contextlib import contextmanager

import torch
from tensordict import TensorDict


@contextmanager
def stepping(optimizer, policy):
    yield
    optimizer.zero_grad()  # expect: PF603
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
    optimizer.step()
    policy.clip_weights()


def learn(policy, optimizer, loader: list[TensorDict]):
    for mb in loader:
        policy.reset_memory()
        with stepping(optimizer, policy):
            out = policy(mb, action=mb["actions"])
            loss = -out["act_log_prob"].mean()
            loss.backward()
