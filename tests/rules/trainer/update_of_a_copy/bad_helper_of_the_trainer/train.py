import torch

from buffer import Experience


def train(policy, optimizer, count):
    experience = Experience(1024)
    while True:
        policy.reset_memory()
        rows, minibatch = experience.sample(count)
        out = policy(minibatch, action=minibatch["actions"])
        loss = -out["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
        experience.update(rows, out.select("values"))
