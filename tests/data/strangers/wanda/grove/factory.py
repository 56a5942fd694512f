from .aspen import Aspen
from .birch import Birch
from .linden import Linden
from .rowan import Rowan
from .settings import AgentSettings


def grow(env, settings: AgentSettings):
    match settings.kind:
        case "linden":
            cls = Linden
        case "aspen":
            cls = Aspen
        case "birch":
            cls = Birch
        case "rowan":
            cls = Rowan
        case other:
            raise ValueError(f"no such tree: {other}")
    return cls(env, core=settings.core)


def seedling(env, settings: AgentSettings) -> Linden:
    return Linden(
        env,
        settings.core,
        clip_range=settings.clip_range,
        analyze_weights_interval=settings.analyze_weights_interval,
    )
