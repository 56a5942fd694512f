class Clips:
    def __init__(self, *args, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__(*args, **kwargs)
        self.clip_range = clip_range
