from brains.dueling import Dueling
from brains.plain import Plain, Rough
from brains.puffer import Puffer

brains = {"puffer": Puffer, "plain": Plain, "rough": Rough, "dueling": Dueling}


def brain_for(env, config):
    """all options of the config, but for the name"""
    config = dict(config)
    return brains[config.pop("agent_type")](env, **config)
