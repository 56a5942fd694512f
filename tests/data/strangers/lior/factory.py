import yaml

from nets import MODELS

DEFAULT_CONFIG = {
    "model": {"name": "ConvCore", "units": 128, "clip_range": 0.5, "analyze_weights_interval": 300},
    "optimizer": {"learning_rate": 3e-4},
}


def load_config(path):
    with open(path) as stream:
        return {**DEFAULT_CONFIG, **yaml.safe_load(stream)}


def model_from_config(config, env):
    spec = config["model"]
    return MODELS[spec["name"]](env, units=spec["units"])
