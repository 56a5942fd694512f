"""Agents from configs."""

from pathlib import Path

import torch
import yaml
from torch import nn

from .agents import FIELDS, GraphField
from .config import AgentConfig


def make_agent(env, config: AgentConfig) -> nn.Module:
    return FIELDS[config.name](env, **config.options())


def make_agent_by_place(env, config: AgentConfig) -> nn.Module:
    """For fields proper, whose first parameters stand in this order."""
    size = (config.hidden_size, config.num_layers)
    weights = (config.clip_range, config.analyze_weights_interval)
    return FIELDS[config.name](env, None, *size, *weights)


def make_graph(env, path: Path) -> nn.Module:
    entries = yaml.safe_load(path.read_text())
    components = entries.pop("components")
    return GraphField(env, components, **entries)


def load_agent(env, config: AgentConfig, weights: Path) -> nn.Module:
    agent = FIELDS[config.name](env, hidden_size=config.hidden_size, num_layers=config.num_layers)
    agent.load_state_dict(torch.load(weights, map_location="cpu"))
    return agent
