class Clips:
    def clip_weights(self):
        for weight in self.parameters():
            self._clip(weight)

    def _clip(self, weight):
        weight.data.clamp_(-1.0, 1.0)  # expect: PF302
