from grazer import Grazer


class Forager(Grazer):
    pass
