"""Policies for replays and evaluation, from the config that a checkpoint carries."""

from kite.agent.policies import AGENTS


def replay_policy(env, cfg, hidden_size=None):
    """The policy of a checkpoint, perhaps of another width."""
    options = dict(cfg)
    kind = options.pop("agent_type")
    options.pop("_target_", None)
    if hidden_size is not None:
        options["hidden_size"] = hidden_size
    policy = AGENTS[kind](env=env, **options)
    policy.eval()
    return policy
