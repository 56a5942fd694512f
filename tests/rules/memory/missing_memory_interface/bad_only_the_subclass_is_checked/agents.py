from elsewhere import base


class Forager(base.Recurrent):  # expect: PF202
    pass
