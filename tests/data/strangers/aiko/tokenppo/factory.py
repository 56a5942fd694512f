from dataclasses import asdict, dataclass, field

from .agent import Agent
from .pixel import ConvAgent
from .replay import ReplayAgent
from .wide import WideAgent

AGENTS = {"plain": Agent, "conv": ConvAgent, "wide": WideAgent, "replay": ReplayAgent}


@dataclass
class AgentArgs:
    kind: str = "conv"
    hidden_size: int = 128
    num_layers: int = 2
    num_envs: int = 4096
    clip_range: float = 0.0
    analyze_weights_interval: int = 300
    extra: dict = field(default_factory=dict)


def make_agent(env, args: AgentArgs):
    options = asdict(args)
    kind, extra = options.pop("kind"), options.pop("extra")
    return AGENTS[kind](env, **options, **extra)


def make_from_checkpoint(env, cfg, weights):
    """What the evaluation scripts call; cfg is the omegaconf of the run."""
    agent = AGENTS[cfg.kind](env, hidden_size=cfg.hidden_size, num_layers=cfg.num_layers)
    agent.load_state_dict(weights, strict=False)
    return agent.eval()
