"""`Example`: the smallest of the reference's policies, and the one with the most defects."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from tensordict import TensorDictBase
from torch import Tensor, nn

from .. import actions as codec
from ..memory import NamedState, State, StateStore
from ..modes import SOUND, Mode, resolve_mode
from ..nets.initialisation import initialise_layer_
from ..nets.tokens import PADDING, TokenBox
from ..policy import RecurrentPolicy, as_sequences, write_stamps
from .actor_critic import EncoderAndHeads, initialise_head_
from .environment import after_convolutions, box_size, choices_per_dimension, normalisations

# The reference's divisors of 22 features, whatever the environment says.
_REFERENCE_FACTORS = (9, 1, 1, 10, 3, 254, 1, 1, 235, 8, 9, 250, 29, 1, 1, 8, 1, 1, 6, 3, 1, 2)
_REFERENCE_SIDE = 11


class Example(RecurrentPolicy):
    """Convolutions over a box of cells beside a linear layer on the centre cell, LSTM, one head a dimension.

    The score of a joint action (type, argument) is the sum of its type's and its argument's logit, so the
    type and the argument are independent but for the pairs that do not exist, and every action that does is
    taken and trained.

    In reference mode it acts with zeros, evaluates freshly sampled actions, has no memory and overwrites its
    observations (see `modes`); its outputs have shapes of their own then: `full_log_probs`
    `[B, largest number of choices, dimensions]` with -inf for choices that do not exist, `value` `[B, T]`.
    """

    def __init__(
        self,
        env: Any,
        cnn_channels: int = 128,
        input_size: int = 512,
        hidden_size: int = 512,
        *,
        mode: str | Mode = "sound",
        **config: Any,
    ) -> None:
        """Build the policy for `env` (see the package).

        Args:
            env: describes observations and actions.
            cnn_channels: channels of both convolutions.
            input_size: width of the encoder's output, which the LSTM reads; even.
            hidden_size: width H of the LSTM.
            mode: "sound", "reference", or a `modes.Mode`.
            config: of `RecurrentPolicy`.

        Raises ValueError for an odd `input_size`, or a window of less than 11 x 11 cells.
        """
        mode = resolve_mode(mode)
        net = EncoderAndHeads(_Encoder(env, cnn_channels, input_size, mode), _Heads(env, hidden_size))
        super().__init__(env, net, input_size, hidden_size, mode=mode, **config)
        self.choices = choices_per_dimension(env)
        if not mode.keep_state_between_steps:
            self.memory = _NoMemory(self.num_layers, self.hidden_size, memory_slots=1, mode=mode)

    def _decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probs `[N, A]` of joint actions and values `[N]` of the core's outputs `[N, H]`."""
        logits, value = self.policy.decode_actions(hidden)  # type: ignore[operator]
        if self._discrete_actions is None:
            of_kind, of_argument = logits.split(self.choices, dim=-1)
            kinds, arguments = self._table("action_index_tensor").long().unbind(-1)
            logits = of_kind.index_select(1, kinds) + of_argument.index_select(1, arguments)
        log_probs = codec.action_log_probs(logits)
        return log_probs, value.flatten().to(log_probs.dtype)

    def _step(self, td: TensorDictBase, observations: Tensor, state: NamedState | None) -> TensorDictBase:
        if self.mode.joint_action_head:
            td = super()._step(td, observations, state)
        else:
            write_stamps(td)
            log_probs, value = self._per_dimension(self._unroll(td, observations, state, training=False))
            chosen = self._sample(log_probs)
            td["actions"] = chosen.to(torch.int32)
            td["act_log_prob"] = _mean_log_prob(log_probs, chosen)
            td["values"] = value
            td["full_log_probs"] = log_probs
        if not self.mode.actions_follow_logits:
            td["actions"] = torch.zeros_like(td["actions"])
        return td

    def _evaluate(
        self, td: TensorDictBase, observations: Tensor, state: NamedState | None, action: Tensor
    ) -> TensorDictBase:
        shape = observations.shape[:2]
        if self.mode.joint_action_head:
            result = super()._evaluate(td, observations, state, action)
            if not self.mode.actions_follow_logits:
                joint = result["full_log_probs"].flatten(0, 1)
                result["act_log_prob"] = codec.log_prob_at(joint, codec.sample_index(joint)).view(shape)
            return result
        chosen = self._flat_actions(action, *shape).long()
        result = as_sequences(td, observations)
        write_stamps(result)
        log_probs, value = self._per_dimension(self._unroll(td, observations, state, training=True))
        if not self.mode.actions_follow_logits:
            chosen = self._sample(log_probs)
        result["act_log_prob"] = _mean_log_prob(log_probs, chosen).view(shape)
        entropies = [codec.entropy(one) for one in log_probs.unbind(-1)]
        result["entropy"] = torch.stack(entropies).sum(dim=0).view(shape)
        result["value"] = value.view(shape)
        result["full_log_probs"] = log_probs.view(*shape, *log_probs.shape[1:])
        return result

    def _per_dimension(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probs `[N, most choices, D]`, -inf where a dimension has fewer, and values `[N]`."""
        logits, value = self.policy.decode_actions(hidden)  # type: ignore[operator]
        most = max(self.choices)
        padded = [
            F.pad(codec.action_log_probs(one), (0, most - one.shape[-1]), value=-torch.inf)
            for one in logits.split(self.choices, dim=-1)
        ]
        return torch.stack(padded, dim=-1), value.flatten()

    @staticmethod
    def _sample(log_probs: Tensor) -> Tensor:
        """One choice int64 `[N, D]` for each dimension of `[N, most choices, D]`."""
        return torch.stack([codec.sample_index(one) for one in log_probs.unbind(-1)], dim=-1)


def _mean_log_prob(log_probs: Tensor, chosen: Tensor) -> Tensor:
    """The log-probs of the `chosen` int64 `[N, D]` among `[N, most choices, D]`, averaged over D."""
    return log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).mean(dim=-1)


class _NoMemory(StateStore):
    """In place of the memory of a policy that has none: every forward starts from zero, nothing is kept."""

    def initial(
        self, td: TensorDictBase, batch_size: int, erased: Tensor | None = None, *, training: bool
    ) -> State:
        """Zeros."""
        return self.zeros(batch_size)

    def keep(self, td: TensorDictBase, state: State, *, training: bool) -> None:
        """Nothing."""

    def has_memory(self) -> bool:
        """False."""
        return False


class _Encoder(nn.Module):
    """What of `Example` stands before the LSTM. Buffer `max_vec` float32 `[1, C, 1, 1]`: the normalisations.

    `network` reads the box, `self_encoder` its centre cell.
    """

    max_vec: Tensor

    def __init__(self, env: Any, channels: int, input_size: int, mode: Mode) -> None:
        super().__init__()
        if input_size % 2:
            raise ValueError(f"input_size must be even, got {input_size}: two encoders share it")
        self.mode = mode
        if mode.environment_normalisation:
            factors, (width, height) = normalisations(env), box_size(env)
        else:
            factors, (width, height) = torch.tensor(_REFERENCE_FACTORS) + 1e-8, (_REFERENCE_SIDE,) * 2
        cells = after_convolutions(width, height)
        self.centre = (width // 2, height // 2)
        # Rejected tokens and coordinates outside the box are left out: in this the reference is sound.
        checked = replace(SOUND, global_tokens_at_centre=mode.global_tokens_at_centre)
        self.box = TokenBox(len(factors), width, height, mode=checked)
        self.register_buffer("max_vec", factors.view(1, -1, 1, 1))
        half = input_size // 2
        self.network = nn.Sequential(
            nn.Conv2d(len(factors), channels, 5, stride=3),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * cells, half),
            nn.ReLU(),
        )
        self.self_encoder = nn.Sequential(nn.Linear(len(factors), half), nn.ReLU())
        for module in (*self.network, *self.self_encoder):
            if isinstance(module, nn.Linear | nn.Conv2d):
                initialise_layer_(module, nonlinearity="nn.Tanh")  # for its gain of sqrt(2)

    def forward(self, observations: Tensor) -> Tensor:
        """Features float `[N, input_size]` of tokens uint8 `[N, M, 3]`."""
        if not self.mode.sentinel_is_padding:
            # policyfix: ignore[PF106, PF501] -- as the reference does, to the copy that the base hands over
            observations.masked_fill_(observations == PADDING, 0)
        box = self.box(observations, self.max_vec.flatten())
        x, y = self.centre
        return torch.cat([self.self_encoder(box[:, :, x, y]), self.network(box)], dim=-1)

    @torch.no_grad()
    def update_normalization_tensor(self, factors: Tensor) -> None:
        """Divide by `factors` float `[256]`, by feature id, from now on."""
        self.max_vec.copy_(factors[: self.max_vec.numel()].view_as(self.max_vec))


class _Heads(nn.Module):
    """A linear head for each action dimension (`actor`), and one for the value."""

    def __init__(self, env: Any, hidden_size: int) -> None:
        super().__init__()
        self.actor = nn.ModuleList(nn.Linear(hidden_size, choices) for choices in choices_per_dimension(env))
        self.value = nn.Linear(hidden_size, 1)
        initialise_layer_(self.value, nonlinearity=None)
        for head in self.actor:
            initialise_head_(head)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of all dimensions, one after the other, `[N, sum of choices]`, and value `[N, 1]`."""
        return torch.cat([head(hidden) for head in self.actor], dim=-1), self.value(hidden)
