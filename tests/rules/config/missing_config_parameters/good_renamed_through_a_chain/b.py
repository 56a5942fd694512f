from a import Root as Base


class Middle(Base):
    def __init__(self, env, **options):
        super().__init__(env, **options)
