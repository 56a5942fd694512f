"""The style of modules of functions: one collects, one weighs, one updates, and each is handed what it needs."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_


def observe(env):
    observations, rewards, dones, truncateds, first = env.recv()
    td = TensorDict({"env_obs": observations}, batch_size=[len(rewards)])
    td.update({"rewards": rewards, "dones": dones.float(), "truncateds": truncateds.float()})
    td.set("training_env_id_start", torch.full_like(dones, first, dtype=torch.int64))
    return td


@torch.no_grad()
def collect(policy, env, horizon):
    policy.reset_memory()
    steps = []
    while len(steps) < horizon:
        td = policy(observe(env))
        env.send(td["actions"])
        steps.append(td)
    return torch.stack(steps, dim=1)


def weigh(rollout, gamma=0.99, decay=0.95):
    values, rewards = rollout["values"], rollout["rewards"]
    going = 1.0 - torch.clamp(rollout["dones"] + rollout["truncateds"], max=1.0)
    rows = [torch.zeros_like(values[:, 0])]
    for t in reversed(range(values.shape[1] - 1)):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * going[:, t + 1] - values[:, t]
        rows.append(delta + gamma * decay * going[:, t + 1] * rows[-1])
    return torch.stack(rows[::-1], dim=1)


def loss_of(policy, minibatch, advantages):
    before, wanted = minibatch["act_log_prob"], minibatch["values"] + advantages
    policy.reset_memory()
    out = policy(minibatch, action=minibatch["actions"])
    ratio = (out["act_log_prob"] - before).exp()
    value_loss = F.mse_loss(out["value"].squeeze(-1), wanted)
    return 0.5 * value_loss - (ratio * advantages).mean() - 0.01 * out["entropy"].mean()


def update(policy, optimizer, loss):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    clip_grad_norm_(policy.parameters(), max_norm=0.5)
    optimizer.step()
    policy.clip_weights()


def train(policy, env, epochs=1, horizon=8, rows=4):
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-4)
    for _ in range(epochs):
        rollout = collect(policy, env, horizon)
        advantages = weigh(rollout)
        for picked in torch.randperm(rollout.shape[0]).split(rows):
            update(policy, optimizer, loss_of(policy, rollout[picked], advantages[picked]))
