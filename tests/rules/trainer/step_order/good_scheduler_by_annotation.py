import torch
from tensordict import TensorDict
from torch.optim.lr_scheduler import LRScheduler


def train(policy, learner, scheduler: LRScheduler, buffer):
    for minibatch in buffer.minibatches():
        policy.reset_memory()
        out = policy(minibatch, action=minibatch["actions"])
        loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
        learner.apply(loss)
        policy.clip_weights()
        loss.backward()
        scheduler.step()
