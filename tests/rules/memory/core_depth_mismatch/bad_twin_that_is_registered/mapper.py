agents = {}


def register(name):
    def enter(cls):
        agents[name] = cls
        return cls

    return enter
