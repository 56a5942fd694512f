import torch


class EncodesTokens:
    def encode(self, tokens):
        tokens = tokens.clone()
        tokens[tokens == 255] = 0  # expect: PF501
        coords = tokens[..., 0]
        valid = coords != 255
        box = torch.zeros(tokens.shape[0], 600)
        return box.scatter_(1, (coords * valid).long(), tokens[..., 2].float())
