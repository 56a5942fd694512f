from policyfix.runtime import RecurrentPolicy


class Forager(RecurrentPolicy):
    pass
