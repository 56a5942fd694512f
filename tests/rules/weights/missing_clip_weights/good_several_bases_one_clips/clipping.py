import torch


class Clips:
    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.clamp_(-self.clip_range, self.clip_range)
