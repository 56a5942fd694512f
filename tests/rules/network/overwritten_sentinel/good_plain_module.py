import torch.nn as nn


class Palette(nn.Module):
    """Not a policy: 255 is white."""

    def forward(self, image):
        image = image.clone()
        image[image == 255] = 0
        return image[image != 255]
