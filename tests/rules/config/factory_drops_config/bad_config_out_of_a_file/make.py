import yaml

from mapper import agent_classes


def make(env, path):
    with open(path) as file:
        cfg = yaml.safe_load(file)
    cls = agent_classes[cfg["agent_type"]]
    return cls(env, hidden_size=cfg["hidden_size"])  # expect: PF403
