"""one GPU, torch.compile, and no patience"""

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from ppo.advantage import returns, vtrace
from ppo.buffer import Buffer
from ppo.ddp import spec_of
from ppo.policies import Compact, HistoryToo


def collect(policy, vecenv, buffer):
    while not buffer.full:
        obs, reward, done, truncated, start = vecenv.recv()
        td = TensorDict(
            dict(env_obs=obs, rewards=reward, dones=done.float(), truncateds=truncated.float()), [len(obs)]
        )
        td["training_env_id_start"] = torch.full((len(obs),), start)
        with torch.no_grad():
            policy(td)
        buffer.store(td, len(obs))
        vecenv.send(td["actions"])


def learn(policy, optimizer, buffer, data, target):
    policy.reset_memory()
    for indices in torch.randperm(len(data)).split(64):
        minibatch = data[indices]
        td = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        ratio = (td["act_log_prob"] - minibatch["act_log_prob"]).exp()
        adv = target[indices] - minibatch["values"]
        loss = -(ratio * adv).mean() + (td["value"].squeeze(-1) - target[indices]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        policy.clip_weights()
        optimizer.step()
        buffer.refresh(indices, {"values": td["value"].detach().squeeze(-1), "ratio": ratio.detach()})


def train(vecenv, clip_range, updates):
    policy = Compact(vecenv.driver_env, clip_range=clip_range)
    policy = torch.compile(policy)
    optimizer = torch.optim.Adam(policy.parameters())
    for _ in range(updates):
        buffer = Buffer(spec_of(policy), 1024, 64, "cuda")
        collect(policy, vecenv, buffer)
        target = vtrace(buffer.data["values"], buffer.data["rewards"], buffer.data["dones"], torch.ones(1), 0.98)
        learn(policy, optimizer, buffer, buffer.data, target)


def reinforce(vecenv, updates):
    """no critic, no clipping, no frills"""
    policy = HistoryToo(vecenv.driver_env)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.01)
    for _ in range(updates):
        buffer = Buffer(spec_of(policy), 256, 64, "cuda")
        collect(policy, vecenv, buffer)
        data = buffer.data
        gain = returns(data["rewards"], data["dones"], 0.99)
        td = policy(data.select("env_obs", "last_actions", "last_reward"), action=data["actions"])
        loss = -(td["act_log_prob"] * gain).mean()
        loss.backward()
        optimizer.step()
