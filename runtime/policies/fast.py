"""`Fast`: convolutions over a box of cells."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..modes import Mode, resolve_mode
from ..nets.initialisation import initialise_layer_
from ..nets.token_convolution import convolve_tokens
from ..nets.tokens import TokenBox
from ..policy import RecurrentPolicy
from .actor_critic import NUM_EMBEDDINGS, ActorCritic, EncoderAndHeads
from .environment import after_convolutions, box_size, normalisations

_CHANNELS, _FEATURES = 64, 128


class Fast(RecurrentPolicy):
    """Tokens scattered into a box `[C, W, H]`, two convolutions, two linear layers, LSTM, bilinear head.

    The architecture of the reference's YAML `fast` and of its hand-written `Fast`, 573 378 parameters for 24
    features in a window of 11 x 11:
    normalised box -> `cnn1` k5 s3 -> `cnn2` k3 -> `fc1` 128 -> `encoded_obs` 128, each with ReLU -> LSTM.
    """

    def __init__(
        self,
        env: Any,
        cnn_channels: int = _CHANNELS,
        input_size: int = _FEATURES,
        hidden_size: int = 128,
        *,
        num_action_embeddings: int = NUM_EMBEDDINGS,
        mode: str | Mode = "sound",
        **config: Any,
    ) -> None:
        """Build the policy for `env` (see the package).

        Args:
            env: describes observations and actions.
            cnn_channels: channels of both convolutions.
            input_size: width of the encoder's last layer, which the LSTM reads.
            hidden_size: width H of the LSTM.
            num_action_embeddings: rows of the embedding table; room for the different actions of all
                environments that the policy will meet. At least as many as `env` has.
            mode: "sound", "reference", or a `modes.Mode`.
            config: of `RecurrentPolicy`.

        Raises ValueError for a window too small for the convolutions (less than 11 x 11).
        """
        mode = resolve_mode(mode)
        if not mode.sizes_from_config:
            cnn_channels, input_size = _CHANNELS, _FEATURES
        encoder = BoxEncoder(env, cnn_channels, input_size, mode)
        heads = ActorCritic(env, hidden_size, mode, num_action_embeddings)
        super().__init__(env, EncoderAndHeads(encoder, heads), input_size, hidden_size, mode=mode, **config)


class BoxEncoder(nn.Module):
    """What of `Fast` stands before the LSTM. Buffer `max_vec` float32 `[1, C, 1, 1]`: the normalisations."""

    max_vec: Tensor

    def __init__(self, env: Any, channels: int, input_size: int, mode: Mode) -> None:
        super().__init__()
        factors = normalisations(env)
        width, height = box_size(env)
        cells = after_convolutions(width, height)
        self.box = TokenBox(len(factors), width, height, mode=mode)
        self.register_buffer("max_vec", factors.view(1, -1, 1, 1))
        self.cnn1 = nn.Conv2d(len(factors), channels, 5, stride=3)
        self.cnn2 = nn.Conv2d(channels, channels, 3)
        self.fc1 = nn.Linear(channels * cells, _FEATURES)
        self.encoded_obs = nn.Linear(_FEATURES, input_size)
        for layer in (self.cnn1, self.cnn2, self.fc1, self.encoded_obs):
            initialise_layer_(layer)

    def forward(self, observations: Tensor) -> Tensor:
        """Features float `[N, input_size]` of tokens uint8 `[N, M, 3]`."""
        cells = F.relu(convolve_tokens(self.box, self.cnn1, observations, self.max_vec.flatten()))
        cells = F.relu(_convolve_whole(self.cnn2, cells))
        return F.relu(self.encoded_obs(F.relu(self.fc1(cells.flatten(1)))))

    @torch.no_grad()
    def update_normalization_tensor(self, factors: Tensor) -> None:
        """Divide by `factors` float `[256]`, by feature id, from now on."""
        self.max_vec.copy_(factors[: self.max_vec.numel()].view_as(self.max_vec))


def _convolve_whole(convolution: nn.Conv2d, cells: Tensor) -> Tensor:
    """`convolution(cells)`; one product of matrices where the kernel is as large as the map."""
    if tuple(cells.shape[2:]) != tuple(convolution.kernel_size):
        out: Tensor = convolution(cells)
        return out
    # Channels last, as the cells lie in memory: it is the weights that are laid out anew.
    weight = convolution.weight.permute(0, 2, 3, 1).flatten(1)
    return F.linear(cells.permute(0, 2, 3, 1).flatten(1), weight, convolution.bias)[..., None, None]
