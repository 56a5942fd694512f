"""Behaviour cloning from the scripted player, before PPO takes over."""

import torch
from torch.nn.utils import clip_grad_norm_

from ..agent import MeshAgent
from .experience import Experience


def gather(agent: MeshAgent, env, script, experience: Experience):
    agent.reset_memory()
    with torch.no_grad():
        while not experience.full:
            td, which = env.receive()
            agent(td)
            td["actions"] = script(td["env_obs"])
            experience.store(td, which)
            env.send(td["actions"])


def clone(agent: MeshAgent, optimizer, experience: Experience, passes: int, every: int = 4):
    for _ in range(passes):
        for number, batch in enumerate(experience.buffer.split(32)):
            agent.reset_memory()
            out = agent(batch.select("env_obs"), action=batch["actions"])
            loss = -out["act_log_prob"].mean() / every
            optimizer.zero_grad()
            loss.backward()
            if number % every == every - 1:
                clip_grad_norm_(agent.parameters(), 1.0)
                optimizer.step()
                agent.clip_weights()
