from __future__ import annotations

from typing import Any

import yaml

from .fused import FusedPolicy, FusedSkip, FusedTrace
from .graph import GraphPolicy

KINDS = {"graph": GraphPolicy, "fused": FusedPolicy, "fused_skip": FusedSkip, "fused_trace": FusedTrace}


def load(env: Any, path: str):
    with open(path) as file:
        drawn = yaml.safe_load(file)
    return KINDS[drawn.pop("agent_type")](env, **drawn)
