"""What surrounds the recurrent core of the policies: an encoder, and heads for values and actions."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..modes import Mode
from ..nets.at_hand import is_at_hand
from ..nets.embeddings import ActionEmbedding
from ..nets.heads import BilinearHead
from ..nets.initialisation import initialise_layer_
from .environment import action_names, choices_per_dimension

_CRITIC_SIZE, _ACTOR_SIZE, _EMBEDDING_DIM = 1024, 512, 16
NUM_EMBEDDINGS = 100


class EncoderAndHeads(nn.Module):
    """The net that `RecurrentPolicy` wants, of an encoder of tokens and heads."""

    writes_observations = False

    def __init__(self, encoder: nn.Module, heads: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = heads

    def encode_observations(self, observations: Tensor) -> Tensor:
        """Features float `[N, input_size]` of tokens uint8 `[N, M, 3]`."""
        if torch.is_grad_enabled() or not is_at_hand(observations):
            features: Tensor = self.encoder(observations)
            return features
        # An operator begins sooner in inference mode; a copy made outside is a tensor like any other.
        with torch.inference_mode():
            features = self.encoder(observations)
        return features.clone()

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[N, A]` and value `[N, 1]` of the core's outputs `[N, H]`."""
        logits, value = self.heads(hidden)
        return logits, value

    def activate_action_embeddings(self, full_action_names: Sequence[str], device: object) -> None:
        """Tell heads that know actions by name which ones exist; `device` plays no part."""
        activate = getattr(self.heads, "activate", None)
        if callable(activate):
            activate(full_action_names)


# Rows of a rollout that the critic judges at once, on CPUs.
_ROWS = 256


class _Critic(nn.Module):
    """`value = value_head(tanh(critic_1(h)))`, and the actor's first layer, `actor_1`."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.critic_1 = nn.Linear(hidden_size, _CRITIC_SIZE)
        self.value_head = nn.Linear(_CRITIC_SIZE, 1)
        self.actor_1 = nn.Linear(hidden_size, _ACTOR_SIZE)
        initialise_layer_(self.critic_1, nonlinearity="nn.Tanh")
        initialise_layer_(self.value_head, nonlinearity=None)
        initialise_layer_(self.actor_1)

    def value(self, hidden: Tensor) -> Tensor:
        """`[N, 1]` of `[N, H]`."""
        first, last = self.critic_1, self.value_head
        if (
            hidden.device.type != "cpu"
            or hidden.dtype != first.weight.dtype
            or torch.is_autocast_enabled("cpu")
        ):
            value: Tensor = last(torch.tanh(first(hidden)))
            return value
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or len(hidden) <= _ROWS:
            return self._by_sigmoid(hidden)
        # In parts whose layer of 1024 stays in the cache: whole, it is memory that the system gives anew.
        return torch.cat([self._by_sigmoid(part) for part in torch.split(hidden, _ROWS)])

    def _by_sigmoid(self, hidden: Tensor) -> Tensor:
        # tanh(x) = 2 sigmoid(2 x) - 1, and torch's sigmoid takes a third of the time of its tanh on CPUs.
        first, last = self.critic_1, self.value_head
        sigmoids = torch.addmm(first.bias, hidden, first.weight.t(), beta=2, alpha=2).sigmoid_()
        return torch.addmm(last.bias - last.weight.sum(), sigmoids, last.weight.t(), alpha=2)


class ActorCritic(_Critic):
    """The heads of the reference's component graph, and of its hand-written `Fast`.

    `value = value_head(tanh(critic_1(h)))`, `logits = bilinear(relu(actor_1(h)), embeddings)`, with an
    embedding for each joint action, which keeps its row by name when the environment changes.
    """

    def __init__(self, env: Any, hidden_size: int, mode: Mode, num_action_embeddings: int) -> None:
        super().__init__(hidden_size)
        self.mode = mode
        names = action_names(env)
        rows = max(num_action_embeddings, len(names)) if mode.embeddings_by_name else num_action_embeddings
        self.action_embeddings = ActionEmbedding(rows, _EMBEDDING_DIM, first_row=0)
        self.action_head = BilinearHead(_ACTOR_SIZE, _EMBEDDING_DIM)
        if names:
            self.activate(names)

    def activate(self, full_action_names: Sequence[str]) -> None:
        """Let the actions of these names ("name_argument") exist, in joint order.

        Raises ValueError where there are more different actions than embeddings.
        """
        names = list(full_action_names)
        if not self.mode.embeddings_by_name:
            self.action_embeddings.rows = {}
            names = names[: self.action_embeddings._net.num_embeddings]
        self.action_embeddings.activate(names)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[N, A]` and value `[N, 1]` of the core's outputs `[N, H]`.

        Raises RuntimeError where it is not known which actions exist.
        """
        logits = self.action_head(torch.relu(self.actor_1(hidden)), self.action_embeddings())
        return logits, self.value(hidden)


class PerDimensionActorCritic(_Critic):
    """The heads of the reference's hand-written latent policies: a linear head for each action dimension.

    The heads see `actor_1(h)`, without a nonlinearity, beside the mean of all action embeddings. Their
    logits, one after the other, are taken for those of joint actions.
    """

    def __init__(self, env: Any, hidden_size: int, num_action_embeddings: int) -> None:
        super().__init__(hidden_size)
        initialise_layer_(self.actor_1, nonlinearity="nn.Tanh")  # for its gain of sqrt(2)
        self.action_embeddings = ActionEmbedding(num_action_embeddings, _EMBEDDING_DIM, first_row=0)
        nn.init.normal_(self.action_embeddings._net.weight)
        self.actor_heads = nn.ModuleList(
            nn.Linear(_ACTOR_SIZE + _EMBEDDING_DIM, choices) for choices in choices_per_dimension(env)
        )
        for head in self.actor_heads:
            initialise_head_(head)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[N, sum of the choices of all dimensions]` and value `[N, 1]` of outputs `[N, H]`."""
        # policyfix: ignore[PF504] -- as the reference's latent policies do
        mean = self.action_embeddings._net.weight.mean(dim=0).expand(hidden.shape[0], -1)
        # policyfix: ignore[PF506] -- so do they
        known = torch.cat([self.actor_1(hidden), mean], dim=-1)
        return torch.cat([head(known) for head in self.actor_heads], dim=-1), self.value(hidden)


@torch.no_grad()
def initialise_head_(head: nn.Module) -> None:
    """A linear layer to start from nearly equal logits: orthogonal with a gain of 0.01, bias 0."""
    nn.init.orthogonal_(head.get_parameter("weight"), 0.01)
    nn.init.zeros_(head.get_parameter("bias"))
