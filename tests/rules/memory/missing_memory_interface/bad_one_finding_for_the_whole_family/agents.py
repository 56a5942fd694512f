from base import Recurrent


class Forager(Recurrent):
    pass


class Hunter(Recurrent):
    def has_memory(self):
        return False
