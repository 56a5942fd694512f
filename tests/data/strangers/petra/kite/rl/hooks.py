"""Moments of a training run at which others may look on."""


class Hooks:
    def __init__(self):
        self.by_moment = {}

    def on(self, moment):
        def add(function):
            self.by_moment.setdefault(moment, []).append(function)
            return function

        return add

    def __call__(self, moment, **facts):
        for function in self.by_moment.get(moment, ()):
            function(**facts)
