from base import Recurrent


class Forager(Recurrent):
    def __init__(self, env):
        super().__init__(env)
