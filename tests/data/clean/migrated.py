"""Nothing but a net: the runtime's base class does the rest."""

from policyfix.runtime import RecurrentPolicy

from .nets import BoxNet


class Pilot(RecurrentPolicy):
    def __init__(self, env, policy=None, input_size=64, hidden_size=64, **config):
        if policy is None:
            policy = BoxNet(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, policy, input_size, hidden_size, **config)
