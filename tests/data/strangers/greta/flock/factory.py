"""From a config to an agent that knows its environment's actions."""

import logging

import torch

from .agents import agent_classes

log = logging.getLogger(__name__)
NOT_OPTIONS = ("_target_", "agent_type", "opponent")


def activate(agent, env, device):
    """Give an agent the trainer's tables of actions."""
    table = [(kind, arg) for kind, most in enumerate(env.max_action_args) for arg in range(most + 1)]
    names = [f"{env.action_names[kind]}_{arg}" for kind, arg in table]
    agent.action_index_tensor = torch.tensor(table, dtype=torch.int32, device=device)
    agent.cum_action_max_params = torch.tensor([0, *env.max_action_args], device=device).cumsum(0)
    if hasattr(agent, "activate_action_embeddings"):
        agent.activate_action_embeddings(names, device)
    return agent.to(device)


def make_agent(cfg, env, device):
    cls = agent_classes[cfg.agent_type]
    options = {key: value for key, value in cfg.items() if key not in NOT_OPTIONS}
    try:
        agent = cls(env, **options)
    except TypeError as error:
        log.warning("%s takes fewer options than its config has: %s", cls.__name__, error)
        agent = cls(env, hidden_size=cfg.get("hidden_size", 128))
    return activate(agent, env, device)


def make_opponent(cfg, env, device):
    """The agent that ours plays against; trained beside it."""
    opponent = cfg.opponent
    cls = agent_classes[opponent.agent_type]
    agent = cls(env=env, hidden_size=opponent.hidden_size)
    return activate(agent, env, device)
