from base import Recurrent


class Forager(Recurrent):
    def reset_memory(self):
        self._state = None
