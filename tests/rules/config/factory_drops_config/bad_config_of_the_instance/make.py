from agents import Fast, Slow


class Builder:
    def __init__(self, cfg):
        self.cfg = cfg

    def build(self, env):
        cls = {"fast": Fast, "slow": Slow}
        policy = Fast(env, hidden_size=self.cfg["hidden_size"])  # expect: PF403
        return policy, cls
