from __future__ import annotations

from .agents import BoxAgent, SetAgent
from .base import RecurrentAgent
from .config import AgentConfig
from .draft import DraftAgent

KINDS: dict[str, type[RecurrentAgent]] = {"box": BoxAgent, "set": SetAgent}


def build_agent(env, cfg: AgentConfig) -> RecurrentAgent:
    return KINDS[cfg.kind](
        env,
        cfg,
        clip_range=cfg.clip_range,
        analyze_weights_interval=cfg.analyze_weights_interval,
    )


def build_draft(env, cfg: AgentConfig) -> DraftAgent:
    return DraftAgent(env, hidden_size=cfg.core.hidden_size)
