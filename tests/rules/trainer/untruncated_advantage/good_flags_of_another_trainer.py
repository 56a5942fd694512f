import numpy as np
import torch


def train(agent, optimizer, envs, steps):
    rewards = torch.zeros(steps, envs.num_envs)
    dones = torch.zeros(steps, envs.num_envs)
    values = torch.zeros(steps, envs.num_envs)
    obs, done = torch.as_tensor(envs.reset()), torch.zeros(envs.num_envs)
    for step in range(steps):
        dones[step] = done
        action, values[step] = agent.act(obs)
        obs, rewards[step], terminations, truncations, _ = envs.step(action)
        done = torch.as_tensor(np.logical_or(terminations, truncations))
    last = 0
    for t in reversed(range(steps - 1)):
        goes_on = 1.0 - dones[t + 1]
        delta = rewards[t] + 0.99 * values[t + 1] * goes_on - values[t]
        last = delta + 0.95 * 0.99 * goes_on * last
    loss = agent.loss(last)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
