from agents import Fast


class Wide(Fast):
    def __init__(self, env, hidden_size=512, **options):
        super().__init__(env, hidden_size, **options)
