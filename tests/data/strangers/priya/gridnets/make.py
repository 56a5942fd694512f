from gridnets.compact import CompactAgent
from gridnets.graph import GraphAgent

agent_classes = {"compact": CompactAgent}


def make_agent(env, cfg):
    if cfg.get("agent_type") in agent_classes:
        return agent_classes[cfg.agent_type](
            env,
            hidden_size=cfg.get("hidden_size", 128),
            clip_range=cfg.get("clip_range", 0.0),
            analyze_weights_interval=cfg.get("analyze_weights_interval", 300),
        )
    options = {k: v for k, v in cfg.items() if not k.startswith("_") and k != "agent_type"}
    return GraphAgent(env, **options)
