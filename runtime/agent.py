"""The agent that a trainer holds: builds a policy from a config, ties it to an environment, delegates."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from . import actions as codec
from .modes import Mode, resolve_mode
from .names import constructor_parameters, hint, with_hints
from .policy import OBSERVATION_KEY
from .training.experience import Field, observation_field

# `agent_type` of a config -> the class in `policies`. A config with `components` is a graph instead.
AGENT_TYPES = {
    "example": "Example",
    "fast": "Fast",
    "latent_attn_med": "LatentAttnMed",
    "latent_attn_small": "LatentAttnSmall",
    "latent_attn_tiny": "LatentAttnTiny",
}
UNKNOWN_FEATURE = 255  # the id that no net knows
_FEATURE_IDS = 256


def build_policy(env: Any, config: Mapping[str, Any], mode: str | Mode = "sound") -> nn.Module:
    """The policy that an agent config describes, built for `env`.

    `agent_type` names one of `AGENT_TYPES`; a config with `components` is a component graph. All other keys
    reach the constructor; `observations` (`{obs_key: ...}`) and keys that begin with `_` are the trainer's.

    Raises ValueError for an unknown type, or for keys that the constructor does not take (the reference
    swallows those; see `agents_are_strict`).
    """
    switches = resolve_mode(mode)
    kind = config.get("agent_type")
    if kind is not None and kind not in AGENT_TYPES:
        told = hint(str(kind), AGENT_TYPES) or f": it is one of {', '.join(AGENT_TYPES)}"
        raise ValueError(f"unknown agent_type {kind!r}{told}")
    if kind is None:
        if "components" not in config:
            raise ValueError("the agent config has neither an agent_type nor components")
        graph: type[nn.Module] = import_module(".components.policy", __package__).ComponentPolicy
        return graph(env, **config, mode=switches)
    policy_class: type[nn.Module] = getattr(import_module(".policies", __package__), AGENT_TYPES[kind])
    passed = {
        key: value
        for key, value in config.items()
        if key not in ("agent_type", "observations") and not key.startswith("_")
    }
    known = constructor_parameters(policy_class) - {"env", "mode", "policy", "core"}
    unknown = [key for key in passed if key not in known]
    if unknown and switches.agents_are_strict:
        raise ValueError(f"{policy_class.__name__} takes no {with_hints(unknown, known)}")
    return policy_class(env, **{key: passed[key] for key in passed if key in known}, mode=switches)


class PolicyAgent(nn.Module):
    """Holds one policy as `policy`, and offers the trainer everything that it asks of an agent.

        agent = PolicyAgent(env, {"agent_type": "fast", "clip_range": 0.05})
        agent.initialize_to_environment(features, action_names, max_action_args)

    What the policy does not offer has a harmless default: no memory, an `l2_init_loss` of 0, no metrics.

    A policy that was trained in one environment keeps its feature ids in others: they are matched by name,
    and observation tokens are translated (`original_feature_mapping`, which belongs into checkpoints).
    """

    def __init__(
        self,
        env: Any,
        config: Mapping[str, Any],
        policy: nn.Module | None = None,
        *,
        device: torch.device | str = "cpu",
        mode: str | Mode = "sound",
    ) -> None:
        """Build the policy of `config` for `env` (see `build_policy`), or take the one given.

        Raises ValueError where the config asks for weight clipping and the given policy cannot clip.
        """
        super().__init__()
        self.config = dict(config)
        self.mode = resolve_mode(mode)
        self._observation_field = observation_field(env.single_observation_space)
        self.obs_shape = self._observation_field.shape
        self.policy: Any = build_policy(env, config, self.mode) if policy is None else policy
        self.to(device)
        clips = float(self.config.get("clip_range") or 0.0) > 0
        if clips and self.mode.agents_are_strict and not self._offers("clip_weights"):
            raise ValueError(f"clip_range is set, but {type(self.policy).__name__} has no clip_weights()")
        self.original_feature_mapping: dict[str, int] | None = None
        self._translates = False

    @property
    def total_params(self) -> int:
        """Trainable parameters, counted one by one."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def state_names(self) -> tuple[str, ...]:
        """What the tensors of the policy's recurrent state are called where they are passed by name."""
        names: tuple[str, ...] = getattr(self.policy, "state_names", ("lstm_h", "lstm_c"))
        return names

    @property
    def lstm(self) -> nn.Module | None:
        """The policy's recurrent core, where it is called so."""
        core: nn.Module | None = getattr(self.policy, "lstm", None)
        return core

    def forward(
        self, td: TensorDictBase, state: dict[str, Tensor | None] | None = None, action: Tensor | None = None
    ) -> TensorDictBase:
        """The policy's forward: a rollout step, or the evaluation of `action`; see `RecurrentPolicy`."""
        result: TensorDictBase = self.policy(td, state, action)
        return result

    # The environment.

    def initialize_to_environment(
        self,
        features: Mapping[str, Mapping[str, Any]],
        action_names: Sequence[str],
        action_max_params: Sequence[int],
        device: torch.device | str | None = None,
        is_training: bool | None = None,
    ) -> None:
        """Take over the actions and the observation features of an environment.

        `features`: name -> `id` and, where values are divided, `normalization`. `action_max_params`: the
        largest argument of each action type. `device` is the policy's where it is not given. Whether unknown
        features are learnt is told by the module's own `train()` and `eval()`; `is_training` is not read.
        """
        self.activate_actions(action_names, action_max_params, device)
        self.activate_observations(features, device)

    def activate_actions(
        self,
        action_names: Sequence[str],
        action_max_params: Sequence[int],
        device: torch.device | str | None = None,
    ) -> None:
        """Give the policy its action tables, and the names of its joint actions ("name_argument").

        Raises ValueError unless there is one maximum >= 0 for each name.
        """
        if len(action_names) != len(action_max_params):
            raise ValueError(f"{len(action_names)} action names for {len(action_max_params)} maxima")
        device = self._device(device)
        sums, pairs = codec.joint_action_tables(action_max_params)
        self.action_names = list(action_names)
        self.action_max_params = [int(maximum) for maximum in action_max_params]
        for name, table in (("cum_action_max_params", sums), ("action_index_tensor", pairs)):
            for owner in (self, self.policy):
                _set_table(owner, name, table.to(device))
        names = [f"{action_names[kind]}_{argument}" for kind, argument in pairs.tolist()]
        if self._offers("activate_action_embeddings"):
            self.policy.activate_action_embeddings(names, device)

    def activate_observations(
        self, features: Mapping[str, Mapping[str, Any]], device: torch.device | str | None = None
    ) -> None:
        """Match an environment's features with those that the policy knows, by name.

        The first environment names the ids that the policy keeps. In later ones a known feature is translated
        to its own id; an unknown one becomes 255, or in training mode is learnt under an id that is free.

        Raises RuntimeError where tokens must be translated and the policy cannot.
        """
        ids = {name: int(feature["id"]) for name, feature in features.items()}
        self.feature_normalizations = {
            ids[name]: float(feature["normalization"])
            for name, feature in features.items()
            if "normalization" in feature
        }
        if self.original_feature_mapping is None:
            self.original_feature_mapping = dict(ids)
            return
        translation = self._translation(ids)
        if not translation and not (self._translates and self.mode.translations_end):
            if self.mode.translations_end:
                self._update_normalisation(features)
            return
        table = torch.arange(_FEATURE_IDS, dtype=torch.uint8)
        if translation:
            absent = [id_ for id_ in range(_FEATURE_IDS) if id_ not in ids.values()]
            table[absent] = UNKNOWN_FEATURE
            for feature, known in translation.items():
                table[feature] = known
        self._translates = bool(translation)
        if self._offers("_apply_feature_remapping"):
            self.policy._apply_feature_remapping(table.to(self._device(device)))
        elif self.mode.agents_are_strict:
            raise RuntimeError(
                f"the environment's feature ids have changed, and {type(self.policy).__name__} cannot "
                "translate them: it has no _apply_feature_remapping(table)"
            )
        self._update_normalisation(features)

    def _translation(self, ids: Mapping[str, int]) -> dict[int, int]:
        """Feature id of the environment -> id of the policy, where they differ; learns new features."""
        original = self.original_feature_mapping
        assert original is not None
        translation = {}
        for name, feature in ids.items():
            if name not in original:
                if not self.training:
                    translation[feature] = UNKNOWN_FEATURE
                    continue
                original[name] = feature
                if self.mode.new_features_get_free_ids:
                    others = {id_ for other, id_ in original.items() if other != name}
                    free = (id_ for id_ in (feature, *range(UNKNOWN_FEATURE)) if id_ not in others)
                    original[name] = next(free, UNKNOWN_FEATURE)
            if original[name] != feature:
                translation[feature] = original[name]
        return translation

    def _update_normalisation(self, features: Mapping[str, Mapping[str, Any]]) -> None:
        if self._offers("update_normalization_factors"):
            self.policy.update_normalization_factors(features, self.original_feature_mapping)

    def get_original_feature_mapping(self) -> dict[str, int] | None:
        """A copy of feature name -> the id that the policy knows it by; None before any environment."""
        mapping = self.original_feature_mapping
        return None if mapping is None else dict(mapping)

    def restore_original_feature_mapping(self, mapping: Mapping[str, int] | None) -> None:
        """Take the mapping of a checkpoint; call it before `initialize_to_environment`."""
        self.original_feature_mapping = None if mapping is None else dict(mapping)

    def get_agent_experience_spec(self) -> dict[str, Field]:
        """What the trainer must store for training forwards: the observations."""
        return {OBSERVATION_KEY: self._observation_field}

    # Delegation.

    def has_memory(self) -> bool:
        """Whether the policy keeps a recurrent state between steps."""
        return bool(self.policy.has_memory()) if self._offers("has_memory") else False

    def get_memory(self) -> Any:
        """Copies of the policy's recurrent state; empty where it has none."""
        return self.policy.get_memory() if self._offers("get_memory") else {}

    def set_memory(self, memory: Any) -> None:
        """Replace the policy's recurrent state by what `get_memory` returned.

        Raises ValueError where there is a state to set and the policy keeps none.
        """
        if self._offers("set_memory"):
            self.policy.set_memory(memory)
        elif memory:
            raise ValueError(f"{type(self.policy).__name__} keeps no memory")

    def reset_memory(self) -> None:
        """Forget the recurrent state of all environment groups."""
        if self._offers("reset_memory"):
            self.policy.reset_memory()

    def reset_env_memory(self, group_id: int) -> None:
        """Forget the recurrent state of one environment group."""
        if self._offers("reset_env_memory"):
            self.policy.reset_env_memory(group_id)

    def clip_weights(self) -> None:
        """Bring the policy's weights back into their range; the policy is the only one to clip."""
        if self._offers("clip_weights"):
            self.policy.clip_weights()

    def l2_init_loss(self) -> Tensor:
        """The policy's distance to its initial weights, a scalar; 0 where it measures none."""
        if self._offers("l2_init_loss"):
            loss: Tensor = self.policy.l2_init_loss()
            return loss
        return torch.zeros((), device=self._device(None))

    def update_l2_init_weight_copy(self) -> None:
        """Measure `l2_init_loss` from the present weights."""
        if self._offers("update_l2_init_weight_copy"):
            self.policy.update_l2_init_weight_copy()

    def compute_weight_metrics(self, delta: float = 0.01) -> list[dict[str, Any]]:
        """The policy's weight metrics; none where it has none."""
        if not self._offers("compute_weight_metrics"):
            return []
        metrics: list[dict[str, Any]] = self.policy.compute_weight_metrics(delta)
        return metrics

    def _convert_action_to_logit_index(self, flattened_action: Tensor) -> Tensor:
        """Joint index int64 `[N]` of actions `[N, 2]`."""
        if self._offers("_convert_action_to_logit_index"):
            index: Tensor = self.policy._convert_action_to_logit_index(flattened_action)
            return index
        return codec.joint_index(flattened_action, self.cum_action_max_params)

    def _convert_logit_index_to_action(self, action_logit_index: Tensor) -> Tensor:
        """Actions int32 `[N, 2]` of joint indices `[N]`."""
        if self._offers("_convert_logit_index_to_action"):
            action: Tensor = self.policy._convert_logit_index_to_action(action_logit_index)
            return action
        return codec.joint_action(action_logit_index, self.action_index_tensor)

    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def _offers(self, name: str) -> bool:
        return callable(getattr(self.policy, name, None))

    def _device(self, device: torch.device | str | None) -> torch.device:
        if device is not None:
            return torch.device(device)
        return next((tensor.device for tensor in self.parameters()), torch.device("cpu"))


def _set_table(owner: nn.Module, name: str, table: Tensor) -> None:
    """As a buffer that follows the module and stays out of checkpoints, whatever was there before."""
    if name not in owner._buffers:
        owner.__dict__.pop(name, None)
        owner.register_buffer(name, table, persistent=False)
    else:
        setattr(owner, name, table)
