"""Flights, and what is learned from them."""
from __future__ import annotations

import torch
from torch.nn.utils import clip_grad_norm_

from .hull import Hull
from .relay import Relay


def wanted_by(craft) -> tuple[str, ...]:
    """What a minibatch has to hold for this craft."""
    flags = ("dones", "truncateds")
    if hasattr(craft, "get_agent_experience_spec"):
        return (*craft.get_agent_experience_spec().keys(), *flags)
    return ("env_obs", *flags)


def fly(craft: Hull, env, horizon: int):
    craft.reset_memory()
    log = []
    for _ in range(horizon):
        with torch.no_grad():
            td = craft(env.observation())
        env.step(td["actions"])
        log.append(td.clone())
    return torch.stack(log, dim=1)


def fly_relay(craft: Relay, env, horizon: int):
    """The same for craft whose state travels with the TensorDict."""
    craft.reset_memory()
    log, carry = [], None
    for _ in range(horizon):
        td = env.observation()
        if carry is not None:
            td["carry"] = carry
        with torch.no_grad():
            craft(td)
        carry = td["carry"]
        env.step(td["actions"])
        log.append(td.exclude("carry").clone())
    return torch.stack(log, dim=1)


def returns(flight, discount=0.99):
    rewards, stop = flight["rewards"], torch.logical_or(flight["dones"] > 0, flight["truncateds"] > 0)
    total, result = torch.zeros_like(rewards[:, -1]), []
    for t in range(rewards.shape[1] - 1, -1, -1):
        total = rewards[:, t] + discount * total.masked_fill(stop[:, t], 0.0)
        result.append(total)
    return torch.stack(result[::-1], dim=1)


def debrief(craft: Hull, optimizer, flight, size: int = 8, every: int = 1):
    goal = returns(flight)
    optimizer.zero_grad()
    for number, (part, wanted) in enumerate(zip(flight.split(size), goal.split(size)), start=1):
        craft.reset_memory()
        new = craft(part.select(*wanted_by(craft)), action=part["actions"])
        edge = wanted - part["values"]
        ratio = (new["act_log_prob"] - part["act_log_prob"]).exp()
        loss = -(torch.min(ratio * edge, ratio.clamp(0.9, 1.1) * edge)).mean()
        loss = loss + 0.5 * (new["value"].squeeze(-1) - wanted).square().mean() - 0.01 * new["entropy"].mean()
        (loss / every).backward()
        if number % every == 0:
            clip_grad_norm_(craft.parameters(), 0.5)
            optimizer.step()
            craft.clip_weights()
            optimizer.zero_grad()


def replay(craft: Hull, optimizer, flights, every: int = 4):
    """Smooths old flights into the critic, several at a time."""
    for number, flight in enumerate(flights, start=1):
        craft.reset_memory()
        new = craft(flight.select("env_obs"), action=flight["actions"])
        loss = (new["value"].squeeze(-1) - returns(flight)).square().mean() / every
        optimizer.zero_grad()
        loss.backward()
        if number % every == 0:
            clip_grad_norm_(craft.parameters(), 0.5)
            optimizer.step()
            craft.clip_weights()
