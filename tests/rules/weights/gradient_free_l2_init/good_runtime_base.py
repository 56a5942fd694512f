from policyfix.runtime import RecurrentPolicy


class Forager(RecurrentPolicy):
    """Regularised by its base."""
