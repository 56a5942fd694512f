import torch
from tensordict import TensorDict

from .factory import build
from .sequences import mark


def update(cfg, minibatch: TensorDict):
    policy = build(cfg)
    optimizer = torch.optim.Adam(policy.parameters())
    policy.reset_memory()
    B, T = minibatch.batch_size
    flat = minibatch.reshape(B * T)
    mark(flat, rows=B, steps=T)
    td = policy(flat, None, flat["actions"])
    loss = -(td["act_log_prob"] * flat["advantages"]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.clip_weights()
