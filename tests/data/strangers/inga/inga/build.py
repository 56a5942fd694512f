"""From a config to a wader."""
from __future__ import annotations

from typing import Any, Mapping

from inga.agents import AGENTS, Curlew, Heron


def build(env, cfg: Mapping[str, Any]):
    """`cfg` names the agent; the rest of it is the agent's."""
    options = dict(cfg)
    name = options.pop("agent_type")
    return AGENTS[name](env, **options)


def build_pair(env, cfg: Mapping[str, Any]):
    """A student and the teacher that it is to imitate, of one width."""
    student = Heron(env, **{key: cfg[key] for key in ("hidden_size", "clip_range", "analyze_weights_interval")})
    teacher = Curlew(env, hidden_size=cfg["hidden_size"], token_width=cfg["token_width"])
    return student, teacher


def build_for_replay(env, cfg: Mapping[str, Any]):
    """Replays show the agent of a run; its weights are loaded by the caller."""
    agent = AGENTS[cfg["agent_type"]]
    width = cfg.get("hidden_size", 128)
    return agent(env, hidden_size=width)


def smallest(env):
    """What the tests use: every option at its default but the width."""
    return Heron(env, hidden_size=16)
