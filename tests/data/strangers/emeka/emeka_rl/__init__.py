from emeka_rl.agents.latent import Latent, LatentLite
from emeka_rl.agents.pixels import Pixels, PixelsNarrow
from emeka_rl.agents.tokens import Tokens

__all__ = ["Latent", "LatentLite", "Pixels", "PixelsNarrow", "Tokens"]
