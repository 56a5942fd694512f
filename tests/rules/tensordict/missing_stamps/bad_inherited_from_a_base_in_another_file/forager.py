import base

Root = base.Recurrent


class Forager(Root):
    pass


class Hunter(Forager):
    pass
