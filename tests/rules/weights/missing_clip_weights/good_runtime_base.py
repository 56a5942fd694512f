from policyfix.runtime.policy import RecurrentPolicy


class Forager(RecurrentPolicy):
    """Clips through its base."""
