from elsewhere import Root


class Forager(Root):  # expect: PF202
    pass
