from policyfix.runtime import RecurrentPolicy


class Forager(RecurrentPolicy):
    def __init__(self, env, policy=None, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, policy, clip_range=clip_range)
