from base import Recurrent


class Forager(Recurrent):
    pass


class Hunter(Recurrent):
    def encode(self, observations):
        return super().encode(observations.clone())


class Gatherer(Recurrent):
    def encode(self, observations):
        return super().encode(observations)
