from dataclasses import asdict, dataclass

from .policies import POLICY_BY_MISSION


@dataclass
class MissionConfig:
    mission: str = "scout"
    hidden_size: int = 128
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


def spawn_policy(env, config: MissionConfig, device="cpu"):
    """Builds the policy of a mission with everything that its config says."""
    options = asdict(config)
    policy_class = POLICY_BY_MISSION[options.pop("mission")]
    return policy_class(env, **options).to(device)
