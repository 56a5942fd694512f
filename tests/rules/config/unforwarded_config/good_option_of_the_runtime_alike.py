from policyfix.runtime import RecurrentPolicy


class Forager(RecurrentPolicy):
    def __init__(self, env, net, num_layers=3, **kwargs):
        super().__init__(env, net, **kwargs)
