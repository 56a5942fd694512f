from elsewhere.base import Recurrent


class Forager(Recurrent):  # expect: PF101
    pass
