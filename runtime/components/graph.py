"""The graph that a config describes: checked, put in order, and run on both sides of the recurrent core."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..names import hint, with_hints
from .kinds import KINDS, LSTM, ActionEmbedding, Component, Setting, Shape

VALUE, ACTION = "_value_", "_action_"


class ComponentGraph(nn.Module):
    """All components of a policy but the recurrent core, which stands between two halves of the graph.

    `components` holds them by name, in an order in which each stands behind its sources. Those that the core
    depends on are run by `encode_observations`, the others by `decode_actions`; outputs of the first half
    that the second reads are kept in between.
    """

    writes_observations = False

    def __init__(self, configs: Mapping[str, Any], setting: Setting) -> None:
        """Build the components of `configs`: name -> `_target_`, `sources` (list of `{"name": ...}`),
        options.

        Raises ValueError, naming the component, for: a missing `_value_` or `_action_`; a source that is not
        defined, or a circle of them; a kind that does not exist; options that do not fit (unknown ones pass
        without `strict_components`); a component that neither head depends on; not exactly one LSTM.
        """
        super().__init__()
        self.sources = {name: _sources(name, config) for name, config in configs.items()}
        order = _order(self.sources)
        if unreached := [name for name in configs if name not in order]:
            raise ValueError(
                f"neither {VALUE} nor {ACTION} depends on the components {unreached}: read or remove them"
            )
        built: dict[str, Component] = {}
        for name in order:
            shapes = [built[source].out_shape for source in self.sources[name]]
            built[name] = _build(name, configs[name], shapes, setting)
        cores = [name for name, component in built.items() if isinstance(component, LSTM)]
        if len(cores) != 1:
            raise ValueError(f"the graph must have exactly one LSTM, it has {len(cores)}: {cores}")
        (self.core_name,) = cores
        core = built.pop(self.core_name)
        assert isinstance(core, LSTM)
        self.core_component = (core.input_size, core.hidden_size, core.num_layers)
        self.components = nn.ModuleDict(built)

        before = _order(self.sources, self.core_name)
        self.before = [name for name in before if name != self.core_name]
        self.after = [name for name in built if name not in self.before]
        written = {extra for component in built.values() for extra in component.writes}
        for name, component in built.items():
            if missing := set(component.reads) - written:
                raise ValueError(f"component {name!r} reads {sorted(missing)}, which no component writes")
        needed = {source for name in self.after for source in (*self.sources[name], *built[name].reads)}
        self._kept = needed & {*self.before, *(extra for name in self.before for extra in built[name].writes)}
        self.keeps_outputs = False
        self.outputs: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Component:
        component = self.components[name]
        assert isinstance(component, Component)
        return component

    def encode_observations(self, observations: Tensor) -> Tensor:
        """What the core reads, `[N, input_size]`, of observations uint8 `[N, *obs_shape]`."""
        outputs: dict[str, Tensor] = {}
        self._run(self.before, outputs, observations)
        (source,) = self.sources[self.core_name]
        features = outputs[source]
        self.outputs = {
            name: output for name, output in outputs.items() if self.keeps_outputs or name in self._kept
        }
        return features

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[N, A]` and value `[N, 1]` of the core's output `[N, H]`."""
        outputs, self.outputs = self.outputs, {}
        if ACTION in outputs and VALUE in outputs:  # given, not computed
            return outputs[ACTION], outputs[VALUE]
        outputs[self.core_name] = hidden
        self._run(self.after, outputs, None)
        if self.keeps_outputs:
            self.outputs = outputs
        return outputs[ACTION], outputs[VALUE]

    def _run(self, names: list[str], outputs: dict[str, Tensor], observations: Tensor | None) -> None:
        for name in names:
            component = self[name]
            if component.reads_observations:
                result = component(observations)
            else:
                result = component(*(outputs[read] for read in (*self.sources[name], *component.reads)))
            if component.writes:
                outputs[name], *others = result
                outputs.update(zip(component.writes, others, strict=True))
            else:
                outputs[name] = result

    def activate_action_embeddings(self, full_action_names: list[str], device: Any = None) -> None:
        """Tell the action embeddings which actions exist, in joint order; they stay on their device."""
        for component in self.components.values():
            if isinstance(component, ActionEmbedding):
                component.activate(full_action_names)


def _sources(name: str, config: Any) -> list[str]:
    if not isinstance(config, Mapping):
        raise ValueError(f"component {name!r} must be a mapping with a _target_, got {config!r}")
    sources = config.get("sources") or []
    try:
        return [str(source["name"]) for source in sources]
    except (TypeError, KeyError):
        raise ValueError(
            f"the sources of component {name!r} must be a list of {{name: ...}}, got {sources!r}"
        ) from None


def _order(sources: Mapping[str, list[str]], *ends: str) -> list[str]:
    """The names that `ends` (the two heads) depend on, themselves included, each behind its sources."""
    order: list[str] = []
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name in open_:
            raise ValueError(
                f"components read in a circle: {' <- '.join([*open_[open_.index(name) :], name])}"
            )
        if name not in sources:
            reader = f"component {open_[-1]!r} reads {name!r}" if open_ else f"the policy needs {name!r}"
            raise ValueError(f"{reader}, which the config does not define{hint(name, sources)}")
        open_.append(name)
        for source in sources[name]:
            visit(source)
        order.append(open_.pop())

    for end in ends or (VALUE, ACTION):
        visit(end)
    return order


def _build(name: str, config: Mapping[str, Any], shapes: list[Shape], setting: Setting) -> Component:
    target = str(config.get("_target_", ""))
    kind = KINDS.get(target.rpartition(".")[2])
    if kind is None:
        meant = hint(target.rpartition(".")[2], KINDS)
        raise ValueError(
            f"component {name!r}: _target_ {target!r} is no known kind{meant}: {', '.join(KINDS)}"
        )
    options = {key: value for key, value in config.items() if not key.startswith("_") and key != "sources"}
    signature = inspect.signature(kind)
    known = {key for key, option in signature.parameters.items() if option.kind is option.KEYWORD_ONLY}
    if unknown := sorted(options.keys() - known):
        if setting.mode.strict_components:
            raise ValueError(
                f"component {name!r}: {kind.__name__} has no option {with_hints(unknown, known)}; "
                f"it takes {', '.join(sorted(known)) or 'none'}"
            )
        options = {key: value for key, value in options.items() if key in known}
    try:
        return kind(setting, shapes, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"component {name!r} ({kind.__name__}): {error}") from error
