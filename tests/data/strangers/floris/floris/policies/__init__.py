from .lookout import Digger, Diver, Herder, Lookout, Sentry
from .ported import Beacon, Courier, Ferry, Porter

POLICIES = {
    "lookout": Lookout,
    "sentry": Sentry,
    "herder": Herder,
    "digger": Digger,
    "diver": Diver,
    "porter": Porter,
    "courier": Courier,
    "beacon": Beacon,
    "ferry": Ferry,
}
