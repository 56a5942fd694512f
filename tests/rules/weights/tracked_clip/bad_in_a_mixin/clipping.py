class Clips:
    def clip_weights(self):
        for module in self.modules():
            self._clip(module)

    def _clip(self, module):
        if hasattr(module, "weight"):
            module.weight.clamp_(-self.clip_range, self.clip_range)  # expect: PF303
