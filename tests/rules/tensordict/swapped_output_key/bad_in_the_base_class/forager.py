from grazer import Grazer


class Forager(Grazer):
    def describe(self):
        return "a grazer"
