"""ComponentPolicy: the reference, built from a YAML config."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from tensordict import TensorDictBase
from torch import Tensor

from ..memory import NamedState
from ..modes import Mode, resolve_mode
from ..policies.environment import action_names
from ..policy import RecurrentPolicy
from ..weights import LayerBounds
from .graph import ACTION, VALUE, ComponentGraph
from .kinds import ObsTokenPadStrip, Setting, _WeightedLayer


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which no key may come twice: a second component of one name would replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"the config has {', '.join(twice)} twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def read_config(name: str | Path) -> dict[str, Any]:
    """An agent config: one of ours by its name ("fast", "latent_attn_tiny", ...), else a YAML file.

    Raises ValueError for a key that comes twice, or a file that is no mapping; OSError for one that cannot be
    read.
    """
    packaged = resources.files(__package__) / f"{name}.yaml"
    source = packaged if str(name).isidentifier() and packaged.is_file() else Path(name)
    config = yaml.load(source.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    if not isinstance(config, dict):
        raise ValueError(f"{name} is no mapping")
    return config


class ComponentPolicy(RecurrentPolicy):
    """A graph of components around a recurrent core; see `RecurrentPolicy` for its forward.

        ComponentPolicy(env, **read_config("fast"))

    The components are `policy.components.<name>.*`, the core is `lstm.*`. Only the weights of linear and
    convolutional components are clipped and regularised, each by its own `clip_scale` and `l2_init_scale`.
    """

    policy: ComponentGraph

    def __init__(
        self,
        env: Any,
        components: Mapping[str, Any],
        *,
        observations: Mapping[str, Any] | None = None,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        memory_slots: int = 16,
        mode: str | Mode = "sound",
        **config: Any,
    ) -> None:
        """Build the graph of `components` for `env`.

        Args:
            env: as `RecurrentPolicy` takes it, with `obs_width`, `obs_height` and `feature_normalizations`
                (feature id -> divisor). Where it tells its actions (`max_action_args`, or a Discrete space,
                and `action_names`) they are activated here.
            components: name -> config; see `ComponentGraph`.
            observations: `obs_key`, the name of the observations in the trainer's spaces; nothing depends
                on it.
            clip_range: a layer's weights are clipped to this share of its largest initial weight; 0: off.
            analyze_weights_interval, memory_slots: see `RecurrentPolicy`.
            mode: "sound", "reference" or a `Mode`.
            config: keys that start with `_` are passed over, as is `agent_type`; others are named in an error
                (without `strict_components`: dropped).

        Raises:
            ValueError: an unknown key, or a graph that cannot be built (see `ComponentGraph`).
        """
        switches = resolve_mode(mode)
        unknown = sorted(key for key in config if not key.startswith("_") and key != "agent_type")
        unknown += sorted(f"observations.{key}" for key in observations or {} if key != "obs_key")
        if unknown and switches.strict_components:
            raise ValueError(f"the agent config has unknown keys: {', '.join(unknown)}")
        names = action_names(env)
        setting = Setting(
            obs_shape=tuple(env.single_observation_space.shape),
            obs_width=int(env.obs_width),
            obs_height=int(env.obs_height),
            feature_normalizations={int(id_): float(n) for id_, n in env.feature_normalizations.items()},
            joint_actions=len(names),
            mode=switches,
        )
        graph = ComponentGraph(components, setting)
        graph.keeps_outputs = not switches.activations_stay_out
        input_size, hidden_size, num_layers = graph.core_component
        super().__init__(
            env,
            graph,
            input_size,
            hidden_size,
            num_layers=num_layers,
            mode=switches,
            clip_range=clip_range,
            analyze_weights_interval=analyze_weights_interval,
            memory_slots=memory_slots,
        )
        if names:
            graph.activate_action_embeddings(names)
        self.components_with_memory = [graph.core_name]
        layers = self._weighted_layers()
        others = {name for name, module in self.named_modules() if isinstance(module, torch.nn.Linear)}
        self._clip_bounds = LayerBounds(
            self,
            {name: layer.clip_scale for name, layer in layers.items()}
            | dict.fromkeys(others - layers.keys(), 0.0),
            magnitude=switches.bounds_by_magnitude,
        )
        for position, name in enumerate(self._clip_bounds.names):
            if name in layers and not layers[name].is_orthogonal:
                self._clip_bounds.largest[position] = layers[name].drawn_scale

    def _weighted_layers(self) -> dict[str, _WeightedLayer]:
        """Name of the layer in this policy -> its component."""
        names = {id(module): name for name, module in self.named_modules()}
        return {
            names[id(component.layer)]: component
            for component in self.policy.components.values()
            if isinstance(component, _WeightedLayer)
        }

    def _step(self, td: TensorDictBase, observations: Tensor, state: NamedState | None) -> TensorDictBase:
        return self._with_activations(super()._step(td, observations, state))

    def _evaluate(
        self, td: TensorDictBase, observations: Tensor, state: NamedState | None, action: Tensor
    ) -> TensorDictBase:
        return self._with_activations(super()._evaluate(td, observations, state, action))

    def _unroll(
        self, td: TensorDictBase, observations: Tensor, state: NamedState | None, training: bool
    ) -> Tensor:
        if not self.mode.activations_stay_out:
            # The reference runs no component whose name is there: the outputs of an earlier call stand.
            logits: Tensor | None = td.get(ACTION, None)
            value: Tensor | None = td.get(VALUE, None)
            if logits is not None and value is not None:
                rows = observations.shape[0] * observations.shape[1]
                self.policy.outputs = {ACTION: logits.reshape(rows, -1), VALUE: value.reshape(rows, 1)}
                return logits.new_zeros(rows, self.hidden_size)
        return super()._unroll(td, observations, state, training)

    def _with_activations(self, td: TensorDictBase) -> TensorDictBase:
        outputs, self.policy.outputs = self.policy.outputs, {}
        for name, output in outputs.items():
            known = self.policy.components
            if name in known and not self.policy[name].per_row:
                output = output.expand(td.numel(), *output.shape)
            td[name] = output.reshape(*td.batch_size, *output.shape[1:])
        return td

    def _apply_feature_remapping(self, table: Tensor) -> None:
        """See `RecurrentPolicy`. A token sequence has a table of its own, which its checkpoints hold."""
        own = [part for part in self.policy.components.values() if isinstance(part, ObsTokenPadStrip)]
        for component in own:
            component.update_feature_remapping(table)
        if not own:
            super()._apply_feature_remapping(table)

    def l2_init_loss(self) -> Tensor:
        """Sum over the components of `l2_init_scale` times the squared distance to the initial weights.

        Carries gradient, except in the reference mode.
        """
        initial = self._initial_weights
        loss = torch.zeros((), device=next(self.parameters()).device)
        for name, component in self._weighted_layers().items():
            start = initial.get_buffer(f"{name}.weight".replace(".", "/"))
            loss = loss + component.l2_init_scale * (component.layer.weight - start).square().sum()
        return loss if self.mode.l2_init_trains else loss.detach()

    def update_l2_init_weight_copy(self) -> None:
        """Take the present weights as the initial ones of `l2_init_loss`; nothing in the reference mode."""
        if self.mode.l2_init_trains:
            super().update_l2_init_weight_copy()

    def compute_weight_metrics(self, delta: float = 0.01, epoch: int | None = None) -> list[dict[str, Any]]:
        """See `RecurrentPolicy`; where components say `analyze_weights: true`, of these only."""
        metrics = super().compute_weight_metrics(delta, epoch)
        chosen = {f"{name}.weight" for name, part in self._weighted_layers().items() if part.analyze_weights}
        return [record for record in metrics if record["name"] in chosen] if chosen else metrics
