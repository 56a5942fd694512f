from shaper import Shaper


class Graph:
    def __init__(self, attributes):
        self.attributes = attributes

    def build_components(self):
        return {
            "observations": Shaper("observations", self.attributes["width"], self.attributes["height"]),
        }
