import policyfix.runtime as rt

Base = rt.RecurrentPolicy


class Forager(Base):
    def __init__(self, env, policy=None, **config):
        super().__init__(env, policy, **config)
