import torch
from tensordict import TensorDict

from .pixel import ConvAgent


class FrozenAgent(ConvAgent):
    """ConvAgent on somebody else's eyes: the encoder is loaded and stays as it is. bf16 where there is a GPU."""

    def __init__(self, env, encoder_file=None, amp=True, **kwargs):
        super().__init__(env, **kwargs)
        if encoder_file is not None:
            self.encoder.load_state_dict(torch.load(encoder_file, map_location="cpu"))
        self.encoder.requires_grad_(False)
        self.amp = amp

    def forward(self, td: TensorDict, state=None, action=None):
        device = td["env_obs"].device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.amp and device == "cuda"):
            return super().forward(td, state=state, action=action)

    @torch.no_grad()
    def clip_weights(self):
        # not the encoder's: it is not ours to bend
        if self.clip_range > 0:
            for head in (self.actor, self.critic):
                head.weight.clamp_(-self.clip_range, self.clip_range)
