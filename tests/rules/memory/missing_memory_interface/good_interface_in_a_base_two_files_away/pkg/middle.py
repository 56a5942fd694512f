from . import roots


class Middle(roots.Root):
    pass
