"""The base class of recurrent policies that keep the trainer's contract."""

import inspect
import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from . import actions as codec
from .memory import NamedState, Snapshot, State, StateStore, run_core, state_names
from .modes import Mode, resolve_mode
from .names import warn_unknown_config
from .nets.lstm import MaskedLSTM
from .trace import Sink, describe_forward
from .weights import InitialWeights, LayerBounds, clip_weights, weight_metrics

OBSERVATION_KEY = "env_obs"


def write_stamps(td: TensorDictBase) -> None:
    """Write `td["bptt"]` = T and `td["batch"]` = B, int64, one entry per row, in place.

    `td` has batch size `[B]` (a rollout step: T is 1) or `[B, T]` (training, before it is flattened).

    Raises ValueError for a TensorDict with another number of batch dimensions.
    """
    if td.batch_dims not in (1, 2):
        raise ValueError(
            f"stamps need a TensorDict of batch size [B] or [B, T], got {list(td.batch_size)}; "
            "call write_stamps before flattening"
        )
    device = td.device
    if device is None:
        device = next((leaf.device for leaf in td.values(True, True)), None)
    _write_stamps(td, td.batch_size, device)


def _write_stamps(td: TensorDictBase, shape: torch.Size, device: torch.device | None) -> None:
    """`write_stamps` of a TensorDict of batch size `shape`, `[B]` or `[B, T]`, whose device is known."""
    batch_size, steps = shape if len(shape) == 2 else (shape[0], 1)
    td["bptt"] = torch.full(shape, steps, dtype=torch.int64, device=device)
    td["batch"] = torch.full(shape, batch_size, dtype=torch.int64, device=device)


class RecurrentPolicy(nn.Module):
    """Encoder net, recurrent core with memory, decoder net: a policy that a recurrent PPO trainer can drive.

    The wrapped net `policy` offers

    - `encode_observations(observations, state)`: uint8 `[N, *obs_shape]` -> features `[N, input_size]`;
      `state` (a mapping with `lstm_h` and `lstm_c`, each `[L, B, H]`) is passed where the method takes it;
      a net that sets `writes_observations = False` gets the trainer's tensor instead of a copy;
    - `decode_actions(hidden)` or `decode_actions(hidden, batch_size)`: `[N, hidden_size]` -> logits `[N, A]`,
      one per joint action (see `actions.py`), and value `[N, 1]` or `[N]`.

    N counts rows: B in a rollout, B*T in training. Everything else is done here: stamps, flattening and
    reshaping, the recurrent state per environment group and its reset at episode boundaries, the action
    codec, sampling and evaluation, weight clipping and regularisation.

    The core is an LSTM of the reference's initialisation, or what is given as `core`: a `MaskedLSTM`, a
    `MaskedGRU`, or any module with `num_layers`, `hidden_size`, `state_names` and the signature
    `core(inputs [B, T, I], state, resets [B, T] or None) -> (outputs [B, T, H], state)`, where a state is a
    tuple of tensors `[L, B, H]`, one for each of `state_names`, zero at the beginning of an episode.

    A net with a module that has `update_normalization_tensor(factors)` is told the environment's
    normalisations: float32 `[256]`, by feature id.

    Parameters are called `policy.*` and `lstm.*` (`core.*` where the core is no LSTM); the recurrent state is
    not in the `state_dict`, nor in copies or pickles. The initial weights of `l2_init_loss` are in it;
    where a checkpoint lacks them, the weights that it brings count as initial. Checkpoints of PufferLib's
    wrapper load: its `cell.*` entries repeat `lstm.*_l0` and are dropped.
    """

    _feature_remap: Tensor
    cum_action_max_params: Tensor | None
    action_index_tensor: Tensor | None

    def __init__(
        self,
        env: Any,
        policy: nn.Module,
        input_size: int = 128,
        hidden_size: int = 128,
        *,
        num_layers: int = 2,
        core: nn.Module | None = None,
        mode: str | Mode = "sound",
        clip_range: float = 0.0,
        clip_strategy: str = "uniform",
        analyze_weights_interval: int = 300,
        memory_slots: int = 16,
        **config: Any,
    ) -> None:
        """Wrap `policy` for `env`.

        Args:
            env: has `single_observation_space.shape` and `single_action_space`: Discrete (`n`) or
                MultiDiscrete (`nvec`) of (type, argument). With `max_action_args` the action tables are built
                here; else the trainer sets `cum_action_max_params` and `action_index_tensor`.
            policy: the net described above.
            input_size: width of the encoder's output.
            hidden_size: width H of the core.
            num_layers: depth L of the LSTM; the reference has 2.
            core: another recurrent core than the LSTM; its own sizes count then.
            mode: "sound", "reference", or a `modes.Mode`.
            clip_range: bound of `clip_weights`; 0 switches it off.
            clip_strategy: "uniform" clamps weights and biases to ±`clip_range`, as the reference's
                hand-written policies; "per_layer" clamps weights to `clip_range` times the largest initial
                weight of their layer, as its component graph.
            analyze_weights_interval: epochs between two weight analyses; 0 switches them off.
            memory_slots: environment groups whose state is kept at once (grows by itself on the CPU).
            config: other keys of the agent's config; named in one warning, since nothing reads them.

        Raises:
            ValueError: a size below 1, a negative `clip_range` or interval, a space or a net that is not
                supported.
        """
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be an integer >= 1, got {size!r}")
        if not _is_number(clip_range) or not 0 <= clip_range < float("inf"):
            raise ValueError(f"clip_range must be 0 (off) or a positive number, got {clip_range!r}")
        if not isinstance(analyze_weights_interval, int) or analyze_weights_interval < 0:
            raise ValueError(
                f"analyze_weights_interval must be an integer >= 0, got {analyze_weights_interval!r}"
            )
        if clip_strategy not in ("uniform", "per_layer"):
            raise ValueError(f"clip_strategy must be 'uniform' or 'per_layer', got {clip_strategy!r}")
        _check_net(policy)
        if core is not None:
            _check_core(core, input_size)
        warn_unknown_config(self, config, stacklevel=4)

        shape = getattr(getattr(env, "single_observation_space", None), "shape", None)
        if shape is None:
            raise ValueError("env.single_observation_space must be a Box: it has no shape")
        self.obs_shape = tuple(int(size) for size in shape)
        self.mode = resolve_mode(mode)
        self.input_size = input_size
        self.state_names = state_names(core) if core is not None else ("lstm_h", "lstm_c")
        self.hidden_size: int = hidden_size if core is None else core.hidden_size  # type: ignore[assignment]
        self.num_layers: int = num_layers if core is None else core.num_layers  # type: ignore[assignment]
        self.is_continuous = False
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

        self.policy = policy
        self._encode_takes_state = _accepts_second(policy.encode_observations, "state", or_optional=True)
        self._decode_takes_rows = _accepts_second(policy.decode_actions, "batch_size", or_optional=False)
        if core is None:
            core = MaskedLSTM(input_size, hidden_size, num_layers)
        self._core_name = "lstm" if getattr(core, "mode", None) == "LSTM" else "core"
        self.add_module(self._core_name, core)
        self.memory = StateStore(
            self.num_layers, self.hidden_size, memory_slots, parts=len(self.state_names), mode=self.mode
        )

        self._discrete_actions = _discrete_actions(getattr(env, "single_action_space", None))
        self.register_buffer("cum_action_max_params", None, persistent=False)
        self.register_buffer("action_index_tensor", None, persistent=False)
        maxima = getattr(env, "max_action_args", None)
        if maxima is not None and self._discrete_actions is None:
            self.cum_action_max_params, self.action_index_tensor = codec.joint_action_tables(maxima)
        self._warned_of_width = False

        self.register_buffer("_feature_remap", torch.arange(256, dtype=torch.uint8), persistent=False)
        self._remaps = False
        self._sink: Sink | None = None

        self._clip_bounds = (
            LayerBounds(self, magnitude=self.mode.bounds_by_magnitude)
            if clip_strategy == "per_layer"
            else None
        )
        self._initial_weights = InitialWeights(self)
        self.register_load_state_dict_post_hook(_start_from_what_was_loaded)  # type: ignore[no-untyped-call]

    def forward(
        self, td: TensorDictBase, state: NamedState | None = None, action: Tensor | None = None
    ) -> TensorDictBase:
        """One rollout step (`action` is None), or the evaluation of given actions over whole sequences.

        Both zero a row's recurrent state before a step at which `td["dones"]` or `td["truncateds"]` is true
        (each optional; bool or number, one per row), so that one training forward over `[B, T]` gives what
        T rollout steps gave.

        Rollout: `td` has batch size `[B]` and `env_obs` `[B, *obs_shape]`. Writes into `td`, and returns it:
        `actions` int32 `[B, 2]` (Discrete: `[B]`), `act_log_prob` `[B]`, `values` `[B]`, `full_log_probs`
        `[B, A]`, `bptt` = 1 and `batch` = B int64 `[B]`. The state comes from the group's slot of the store
        and returns to it.

        Training: `env_obs` `[B, T, *obs_shape]` (or `[B, *obs_shape]`, T = 1), `action` `[B, T, 2]` or
        `[B*T, 2]`, rows b-major (Discrete: without the last dimension). Leaves `td` as it is; returns a
        TensorDict of batch size `[B, T]` that shares its entries, with `act_log_prob` and `entropy` `[B, T]`,
        `value` `[B, T, 1]`, `full_log_probs` `[B, T, A]`, `bptt` = T and `batch` = B int64 `[B, T]`. The
        state starts from the stored one where `td` names its environment group and the batch size fits,
        else from zeros. It is never written to the store.

        `state` may bring an initial state of its own, `{"lstm_h": h, "lstm_c": c}`, each `[L, B, H]` (None
        counts as not given). It takes the place of the store, and the detached new state is written back
        into it.

        Raises:
            KeyError: `td` has no `env_obs`.
            TypeError: `td` is no TensorDict, or `state` no mapping.
            ValueError: a shape that does not fit, named; an action that does not exist.
            RuntimeError: the action tables are not set; NaN logits in a rollout.

            On accelerators the values (actions that do not exist, NaN logits) are found by device-side
            assertions.
        """
        observations = self._observations(td, training=action is not None)
        if action is None:
            return self._step(td, observations, state)
        return self._evaluate(td, observations, state, action)

    def _step(self, td: TensorDictBase, observations: Tensor, state: NamedState | None) -> TensorDictBase:
        _write_stamps(td, observations.shape[:1], observations.device)
        log_probs, value = self._decode(self._unroll(td, observations, state, training=False))
        index = codec.sample_index(log_probs)
        td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["values"] = value
        td["full_log_probs"] = log_probs
        return td

    def _evaluate(
        self, td: TensorDictBase, observations: Tensor, state: NamedState | None, action: Tensor
    ) -> TensorDictBase:
        shape = observations.shape[:2]
        index = self._convert_action_to_logit_index(self._flat_actions(action, *shape))
        result = as_sequences(td, observations)
        write_stamps(result)
        log_probs, value = self._decode(self._unroll(td, observations, state, training=True))
        result["act_log_prob"] = codec.log_prob_at(log_probs, index).view(shape)
        result["entropy"] = codec.entropy(log_probs).view(shape)
        result["value"] = value.view(*shape, 1)
        result["full_log_probs"] = log_probs.view(*shape, -1)
        return result

    def _unroll(
        self, td: TensorDictBase, observations: Tensor, state: NamedState | None, training: bool
    ) -> Tensor:
        """Outputs of the core `[B*T, H]`, for `observations` `[B, T, *obs_shape]`."""
        batch_size, steps = observations.shape[:2]
        given = self._given_state(state, batch_size)
        start, resets = self.memory.start(td, batch_size, steps, given, training=training)

        named: NamedState = dict(zip(self.state_names, start, strict=True))
        features = self._encode(observations, named if state is None else state)
        sequences = features.view(batch_size, steps, -1)
        core: Any = self._modules[self._core_name]
        hidden, end = run_core(core, sequences, start, resets)
        if self._sink is not None:  # while the store still has the state that came
            self._sink(self._described(td, sequences, given, end, training))
        if given is not None and state is not None:
            state.update(zip(self.state_names, (part.detach() for part in end), strict=True))
        else:
            self.memory.keep(td, end, training=training)
        return hidden.reshape(batch_size * steps, -1)

    def _described(
        self, td: TensorDictBase, sequences: Tensor, given: State | None, end: State, training: bool
    ) -> str:
        """The line of the debug trace: the state as it came, before anything of it is erased."""
        batch_size, steps = sequences.shape[:2]
        resets = self.memory.resets(td, batch_size, steps, training=training)
        before = self.memory.initial(td, batch_size, training=training) if given is None else given
        return describe_forward(td, sequences, resets, self.state_names, before, end, training=training)

    def _observations(self, td: TensorDictBase, training: bool) -> Tensor:
        """`td["env_obs"]` as `[B, T, *obs_shape]`."""
        if not isinstance(td, TensorDictBase):
            raise TypeError(
                f"a policy's forward takes a TensorDict with {OBSERVATION_KEY!r}, got a {type(td).__name__}"
            )
        observations: Tensor | None = td.get(OBSERVATION_KEY, None)
        if observations is None:
            raise KeyError(f"the TensorDict has no {OBSERVATION_KEY!r}; it has {sorted(map(str, td.keys()))}")
        lead = observations.dim() - len(self.obs_shape)
        wanted = "[B, T, *obs_shape] or [B, *obs_shape]" if training else "[B, *obs_shape]"
        if lead not in ((1, 2) if training else (1,)) or tuple(observations.shape[lead:]) != self.obs_shape:
            mode = "in training" if training else "in a rollout (no action given)"
            raise ValueError(
                f"{OBSERVATION_KEY} must be {wanted} with obs_shape {list(self.obs_shape)} {mode}, "
                f"got {list(observations.shape)}"
            )
        if 0 in observations.shape[:lead]:
            raise ValueError(f"{OBSERVATION_KEY} {list(observations.shape)} is an empty batch")
        sequences = observations.unsqueeze(1) if lead == 1 else observations
        dims = td.batch_dims
        # Not a search in a list of shapes: of two that are equal Dynamo denies it where one has a symbol.
        if dims not in ((1, 2) if training else (1,)) or td.batch_size != sequences.shape[:dims]:
            rows, steps = sequences.shape[:2]
            raise ValueError(
                f"the TensorDict's batch size {list(td.batch_size)} does not fit {OBSERVATION_KEY} "
                f"{list(observations.shape)}: it must be [{rows}]" + f" or [{rows}, {steps}]" * training
            )
        return sequences

    def _flat_actions(self, action: Tensor, batch_size: int, steps: int) -> Tensor:
        """Given actions as `[B*T, 2]` (Discrete: `[B*T]`)."""
        row = () if self._discrete_actions is not None else (2,)
        allowed = [(batch_size, steps, *row), (batch_size * steps, *row)]
        if self._discrete_actions is not None:
            allowed += [(batch_size, steps, 1), (batch_size * steps, 1)]
        wanted = "action must be an integer tensor of shape"
        if not isinstance(action, Tensor):
            raise TypeError(f"{wanted} {list(allowed[0])}, got a {type(action).__name__}")
        if not any(action.shape == shape for shape in allowed) or action.is_floating_point():
            raise ValueError(
                f"{wanted} {' or '.join(str(list(s)) for s in allowed)}, "
                f"got {list(action.shape)} {action.dtype}"
            )
        return action.reshape(batch_size * steps, *row)

    def _given_state(self, state: NamedState | None, batch_size: int) -> State | None:
        if state is None:
            return None
        if not isinstance(state, Mapping):
            raise TypeError(
                f"state must be a mapping with {' and '.join(self.state_names)}, got a {type(state).__name__}"
            )
        parts = tuple(part for part in map(state.get, self.state_names) if part is not None)
        if not parts:
            if state.keys().isdisjoint(self.state_names) and any(map(torch.is_tensor, state.values())):
                raise ValueError(
                    f"state has {', '.join(map(str, state))}, but this core's state is called "
                    f"{' and '.join(self.state_names)}"
                )
            return None
        if len(parts) < len(self.state_names):
            lacking = [name for name in self.state_names if state.get(name) is None]
            raise ValueError(f"state has no {' and '.join(lacking)}, but other tensors of the core's state")
        wanted = [self.num_layers, batch_size, self.hidden_size]
        if any(list(part.shape) != wanted for part in parts):
            names = " and ".join(f"state[{name!r}]" for name in self.state_names)
            shapes = " and ".join(str(list(part.shape)) for part in parts)
            raise ValueError(f"{names} must be [L, B, H] = {wanted}, got {shapes}")
        return parts

    def _encode(self, observations: Tensor, state: NamedState) -> Tensor:
        """Features `[B*T, input_size]`. The net gets a copy, so it cannot alter the trainer's buffer."""
        net: Any = self.policy
        rows = observations.flatten(0, 1)
        if self._remaps:
            rows = rows.clone(memory_format=torch.contiguous_format)
            attributes = self._feature_remap.index_select(0, rows[..., 1].flatten().long())
            rows[..., 1] = attributes.view(rows.shape[:-1])
        elif getattr(net, "writes_observations", True):
            rows = rows.clone(memory_format=torch.contiguous_format)
        features: Tensor = (
            net.encode_observations(rows, state)
            if self._encode_takes_state
            else net.encode_observations(rows)
        )
        # Encoders that end in attention give [N, 1, input_size]: what counts is the features per row.
        if (
            not isinstance(features, Tensor)
            or not features.is_floating_point()
            or features.shape[0] != len(rows)
            or features.numel() != len(rows) * self.input_size
        ):
            raise ValueError(
                f"{type(net).__name__}.encode_observations must return floats [N, input_size] = "
                f"{[len(rows), self.input_size]}, got {_told(features)}"
            )
        return features.reshape(len(rows), self.input_size)

    def _decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probs `[N, A]` and values `[N]` of LSTM outputs `[N, H]`."""
        rows = hidden.shape[0]
        net: Any = self.policy
        decoded = net.decode_actions(hidden, rows) if self._decode_takes_rows else net.decode_actions(hidden)
        is_pair = isinstance(decoded, tuple | list) and len(decoded) == 2
        logits, value = decoded if is_pair else (decoded, None)
        if (
            not isinstance(logits, Tensor)
            or not isinstance(value, Tensor)
            or logits.dim() != 2
            or logits.shape[0] != rows
            or value.numel() != rows
        ):
            raise ValueError(
                f"{type(net).__name__}.decode_actions must return one tensor of logits [N, A], one per joint "
                f"action, and value [N, 1] or [N] for N={rows}, got {_told(logits)} and {_told(value)}"
            )
        self._check_width(logits.shape[1])
        log_probs = codec.action_log_probs(logits)
        return log_probs, value.reshape(rows).to(log_probs.dtype)

    def _check_width(self, width: int) -> None:
        count = self._discrete_actions
        if count is None and self.action_index_tensor is not None:
            count = self.action_index_tensor.shape[0]
        if count is None or width == count:
            return
        if width > count:
            raise ValueError(
                f"the net emits {width} logits for {count} actions: the action head must have one logit "
                "per joint action"
            )
        if not self._warned_of_width and not torch.compiler.is_compiling():
            self._warned_of_width = True
            warnings.warn(
                f"the net emits {width} logits for {count} joint actions (PF510): the last {count - width} "
                "actions are never taken, and their log-prob is -inf",
                stacklevel=2,
            )

    def _convert_action_to_logit_index(self, flattened_action: Tensor) -> Tensor:
        """Joint index int64 `[N]` of actions `[N, 2]` (Discrete: `[N]`, unchanged).

        Raises as `codec.joint_index` for actions that do not exist.
        """
        if self._discrete_actions is not None:
            return codec.discrete_index(flattened_action, self._discrete_actions)
        return codec.joint_index(flattened_action, self._table("cum_action_max_params"))

    def _convert_logit_index_to_action(self, action_logit_index: Tensor) -> Tensor:
        """Actions int32 `[N, 2]` (Discrete: `[N]`) of joint indices `[N]`."""
        if self._discrete_actions is not None:
            return action_logit_index.to(torch.int32)
        return codec.joint_action(action_logit_index, self._table("action_index_tensor"))

    def _table(self, name: str) -> Tensor:
        table: Tensor | None = getattr(self, name)
        if table is None:
            raise RuntimeError(
                f"policy.{name} is not set: give the environment max_action_args, or set "
                "cum_action_max_params and action_index_tensor on the policy before the first forward "
                "(the agent's activate_actions does)"
            )
        return table

    def activate_action_embeddings(self, full_action_names: list[str], device: torch.device | str) -> None:
        """Tell the net which actions exist ("name_argument", in joint order), if it wants to know."""
        activate = getattr(self.policy, "activate_action_embeddings", None)
        if callable(activate):
            activate(full_action_names, device)

    def _apply_feature_remapping(self, table: Tensor) -> None:
        """Read observation tokens `[..., (coordinate, feature, value)]` by other feature ids from now on.

        `table` uint8 `[256]`: what each feature id of the environment is to the net; 255 where it knows none.
        Waits for the device.

        Raises ValueError for a table of another shape, or observations that are no tokens.
        """
        if tuple(table.shape) != (256,) or table.dtype != torch.uint8:
            raise ValueError(f"a feature remapping is uint8 [256], got {list(table.shape)} {table.dtype}")
        if not self.mode.environment_changes_reach_nets:
            return
        identity = torch.arange(256, dtype=torch.uint8, device=table.device)
        remaps = not torch.equal(table, identity)
        if remaps and self.obs_shape[1:] != (3,):
            raise ValueError(f"features are remapped in tokens [M, 3], not in {list(self.obs_shape)}")
        self._feature_remap.copy_(table)
        self._remaps = remaps

    def update_normalization_factors(
        self,
        features: Mapping[str, Mapping[str, Any]],
        original_feature_mapping: Mapping[str, int] | None = None,
    ) -> None:
        """Tell the net by what the environment divides the values of each feature.

        `features`: name -> `id` and `normalization` (1 where it is missing). With `original_feature_mapping`
        (name -> the id that the net was trained with) the factors stand at those ids, since that is what a
        remapping makes of the tokens; names that it lacks keep their own.
        """
        if not self.mode.environment_changes_reach_nets:
            return
        original = original_feature_mapping or {}
        factors = torch.ones(256)
        for name, feature in features.items():
            factors[original.get(name, feature["id"])] = float(feature.get("normalization", 1.0))
        for module in self.policy.modules():
            update = getattr(module, "update_normalization_tensor", None)
            if callable(update):
                update(factors)

    def trace(self, sink: Sink | None) -> None:
        """Call `sink` with a line on each forward: shapes, resets and the recurrent state; None ends it.

        For debugging: every line waits for the device, and a compiled forward breaks its graph. Without a
        sink nothing is computed.
        """
        self._sink = sink

    def has_memory(self) -> bool:
        """Whether the state of a step is kept for the next one."""
        return self.memory.has_memory()

    def get_memory(self) -> Snapshot:
        """Copies of every environment group's state: id -> (h, c), each `[L, B, H]`. Waits for the device.

        Of another core: id -> the tensors of its state, in the order of `state_names`.
        """
        return self.memory.get_memory()

    def set_memory(self, memory: Mapping[int, State]) -> None:
        """Replace the state of all groups by copies of `memory`, as `get_memory` returns it.

        Raises ValueError when a state is not `[L, B, H]`.
        """
        self.memory.set_memory(memory)

    def reset_memory(self) -> None:
        """Forget the state of all environment groups."""
        self.memory.reset_memory()

    def reset_env_memory(self, group_id: int) -> None:
        """Forget the state of one environment group."""
        self.memory.reset_env_memory(group_id)

    def clip_weights(self) -> None:
        """Clamp linear and convolutional layers, in place, by `clip_range` (0: off) and `clip_strategy`."""
        if self._clip_bounds is None:
            clip_weights(self, self.clip_range)
        else:
            self._clip_bounds.clip(self, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        """Squared distance of all linear and convolutional weights to their initial values, with gradient."""
        return self._initial_weights.distance(self)

    def update_l2_init_weight_copy(self) -> None:
        """Take the present weights as the initial ones of `l2_init_loss`."""
        self._initial_weights.update(self)

    def compute_weight_metrics(self, delta: float = 0.01, epoch: int | None = None) -> list[dict[str, Any]]:
        """Name, shape, norm and effective rank of every linear layer's weight. Waits for the device.

        With `epoch`: nothing but in every `analyze_weights_interval`-th one, and never where that is 0.
        """
        interval = self.analyze_weights_interval
        if epoch is not None and (interval == 0 or epoch % interval):
            return []
        return weight_metrics(self, delta)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Drop what PufferLib's LSTMWrapper stored twice, then load as usual."""
        if "cell" not in self._modules:
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                state_dict.pop(f"{prefix}cell.{name}", None)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _is_number(value: object) -> bool:
    """Of Python or numpy; a type checker takes no float for a `Real`."""
    return isinstance(value, Real)


def _check_net(net: nn.Module) -> None:
    """Raises ValueError for what `RecurrentPolicy` cannot wrap."""
    lacking = [name for name in ("encode_observations", "decode_actions") if not hasattr(net, name)]
    if lacking or not isinstance(net, nn.Module):
        raise ValueError(
            "the net must be a module with encode_observations and decode_actions, "
            f"got a {type(net).__name__}" + f" without {' and '.join(lacking)}" * bool(lacking)
        )
    if getattr(net, "is_continuous", False):
        raise ValueError("continuous actions are not supported: the net has is_continuous=True")


def _check_core(core: nn.Module, input_size: int) -> None:
    """Raises ValueError for what `RecurrentPolicy` cannot take as `core`."""
    if not isinstance(core, nn.Module):
        raise ValueError(f"core must be a module, got {core!r}")
    state_names(core)
    for name in ("num_layers", "hidden_size"):
        if not isinstance(getattr(core, name, None), int):
            raise ValueError(
                f"a recurrent core must say its {name}; {type(core).__name__} has no such integer"
            )
    if (width := getattr(core, "input_size", input_size)) != input_size:
        raise ValueError(f"the core reads {width} numbers a step, but input_size is {input_size}")


def _discrete_actions(space: Any) -> int | None:
    """How many actions a Discrete space has; None for MultiDiscrete of (type, argument), and for no space.

    Raises ValueError for any other space.
    """
    supported = "single_action_space must be Discrete or MultiDiscrete of (type, argument)"
    if (dimensions := len(getattr(space, "nvec", ()))) not in (0, 2):
        raise ValueError(f"actions of {dimensions} dimensions are not supported: {supported}")
    if space is not None and not hasattr(space, "nvec") and not hasattr(space, "n"):
        raise ValueError(f"{supported}, got a {type(space).__name__}")
    return None if hasattr(space, "nvec") else getattr(space, "n", None)


def _told(value: object) -> str:
    """What a net has returned, for an error."""
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    return f"{list(value.shape)}" + f" of {value.dtype}" * (not value.is_floating_point())


def _start_from_what_was_loaded(policy: nn.Module, _: object) -> None:
    """After a checkpoint without initial weights, `l2_init_loss` counts from what it has brought."""
    initial = policy._initial_weights
    if isinstance(initial, InitialWeights) and initial.absent:
        initial.update(policy)


def _accepts_second(method: Any, name: str, or_optional: bool) -> bool:
    """Whether a bound method takes a second argument that is called `name`, or that it cannot do without.

    `or_optional`: one of another name that has a default counts too.
    """
    positional = [
        parameter
        for parameter in inspect.signature(method).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(positional) < 2:
        return False
    second = positional[1]
    return second.name == name or or_optional or second.default is second.empty


def as_sequences(td: TensorDictBase, observations: Tensor) -> TensorDictBase:
    """A TensorDict of batch size `[B, T]` that shares the entries of `td`, whose batch size may be `[B]`.

    An entry that lacks the time dimension of `observations` `[B, T, *obs_shape]` holds for every step.
    """
    if td.batch_dims == 2:
        return td.copy()
    shape = observations.shape[:2]
    sequences = td.unsqueeze(1).expand(shape)
    if td[OBSERVATION_KEY].dim() == observations.dim():
        for key, entry in td.items():
            if getattr(entry, "shape", ())[:2] == shape:
                sequences[key] = entry
    return sequences
