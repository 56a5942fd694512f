class Root:
    def describe(self):
        return type(self).__name__
