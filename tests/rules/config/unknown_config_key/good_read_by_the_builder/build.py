from importlib import import_module


def built(name, spec):
    module, _, kind = spec["_target_"].rpartition(".")
    options = {key: value for key, value in spec.items() if not key.startswith("_")}
    layer = getattr(import_module(module), kind)(name=name, **options)
    if spec.get("freeze", False):
        layer.requires_grad_(False)
    return layer
