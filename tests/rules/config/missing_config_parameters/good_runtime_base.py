from policyfix.runtime import RecurrentPolicy


class Forager(RecurrentPolicy):
    def __init__(self, env, policy=None, **config):
        super().__init__(env, policy, input_size=64, **config)
