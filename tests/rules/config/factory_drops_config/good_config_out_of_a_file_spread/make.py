import json

import yaml

from mapper import agent_classes


def make(env, path):
    with open(path) as file:
        cfg = yaml.safe_load(file)
    cls = agent_classes[cfg.pop("agent_type")]
    return cls(env, **cfg)


def rebuild(env, path):
    """What a checkpoint says of itself is no config."""
    with open(path) as file:
        saved = json.load(file)
    return agent_classes["fast"](env, hidden_size=saved["hidden_size"])
