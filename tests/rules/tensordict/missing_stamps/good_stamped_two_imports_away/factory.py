from policies import POLICIES


def build(name, env):
    return POLICIES[name](env)
