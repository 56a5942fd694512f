_known = {}


def register(name):
    def note(cls):
        _known[name] = cls
        return cls
    return note


def known():
    return sorted(_known)


def build(env, cfg):
    cfg = dict(cfg)
    return _known[cfg.pop("agent_type")](env, **cfg)
