"""State dicts of the reference and ours, into one another.

    load_state(Fast(env), torch.load("agent.pt"))                        # whichever of the formats it is
    torch.save(convert(policy.state_dict(), "component"), "agent.pt")    # for the reference's component graph
    python -m policyfix.runtime.checkpoints agent.safetensors ours.pt --to policyfix

The formats:

- `policyfix`: `state_dict()` of `Fast`, `LatentAttn*` and `Example` of this package;
- `pytorch`: that of the reference's agent around its hand-written policy of the same name;
- `component`: that of the reference's agent around a component graph (YAML `fast`, `latent_attn_*`);
- `graph`: `state_dict()` of this package's `ComponentPolicy` of such a graph.

A prefix `module.` of DistributedDataParallel is taken off, and so are the `cell.*` entries in which
PufferLib's wrapper repeats its LSTM. Component graphs number their action embeddings from row 1, the others
from row 0.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

FORMATS = ("policyfix", "pytorch", "component", "graph")

_PYTORCH, _COMPONENT = "policy.policy.", "policy.components."
_CORES = {"policyfix": "lstm.", "pytorch": "policy.lstm.", "component": _COMPONENT + "_core_._net."}
_GRAPHS = ("component", "graph")
_TABLE, _ACTIVE = (
    "policy.heads.action_embeddings._net.weight",
    "policy.heads.action_embeddings.active_indices",
)

# What only we have, and nobody misses: initial weights and the names of actions; and PufferLib's second copy
# of its LSTM.
_MADE_AGAIN = (
    "_initial_weights.",
    "_clip_bounds.",
    "policy.heads.action_embeddings.names",
    _COMPONENT + "_action_embeds_.names",
    "cell.",
    "policy.cell.",
)

# Beginnings of names that mean the same, in the order of FORMATS; None where a format has no such thing.
# A graph of ours differs from the reference's in the core alone.
_NAMES: tuple[tuple[str, str | None, str | None], ...] = (
    (_CORES["policyfix"], _CORES["pytorch"], _CORES["component"]),
    (_TABLE, _PYTORCH + "action_embeddings.weight", _COMPONENT + "_action_embeds_._net.weight"),
    (_ACTIVE, None, _COMPONENT + "_action_embeds_.active_indices"),
    ("policy.heads.action_head.W", _PYTORCH + "actor_W", _COMPONENT + "_action_.W"),
    ("policy.heads.action_head.bias", _PYTORCH + "actor_bias", _COMPONENT + "_action_.bias"),
    ("policy.heads.critic_1.", _PYTORCH + "critic_1.", _COMPONENT + "critic_1._net.0."),
    ("policy.heads.value_head.", _PYTORCH + "value_head.", _COMPONENT + "_value_._net."),
    ("policy.heads.actor_1.", _PYTORCH + "actor_1.", _COMPONENT + "actor_1._net.0."),
    ("policy.heads.actor_heads.", _PYTORCH + "actor_heads.", None),
    ("policy.heads.actor.", _PYTORCH + "actor.", None),
    ("policy.heads.value.", _PYTORCH + "value.", None),
    ("policy.encoder.max_vec", _PYTORCH + "max_vec", _COMPONENT + "obs_normalizer.obs_norm"),
    *(
        (f"policy.encoder.{layer}.", f"{_PYTORCH}{layer}.", f"{_COMPONENT}{layer}._net.0.")
        for layer in ("cnn1", "cnn2", "fc1", "encoded_obs")
    ),
    ("policy.encoder.obs_.", _PYTORCH + "obs_.", _COMPONENT + "_obs_."),
    ("policy.encoder.obs_norm.", _PYTORCH + "obs_norm.", _COMPONENT + "obs_normalizer."),
    *(
        (f"policy.encoder.{part}.", f"{_PYTORCH}{part}.", f"{_COMPONENT}{part}.")
        for part in ("obs_fourier", "obs_latent_query_attn", "obs_latent_self_attn")
    ),
    # The tiny graph calls its only attention otherwise; see `convert`.
    ("policy.encoder.obs_latent_query_attn.", None, _COMPONENT + "obs_cross_attn."),
    ("policy.encoder.network.", _PYTORCH + "network.", None),
    ("policy.encoder.self_encoder.", _PYTORCH + "self_encoder.", None),
)


def format_of(state: Mapping[str, Any]) -> str:
    """Which of `FORMATS` the names of a state dict are of. Raises ValueError for none of them."""
    names = [name.removeprefix("module.") for name in state]
    if any(name.startswith(_CORES["policyfix"]) for name in names) and any(
        name.startswith(_COMPONENT) for name in names
    ):
        return "graph"
    for kind in ("component", "pytorch", "policyfix"):
        if any(name.startswith(_CORES[kind]) for name in names):
            return kind
    raise ValueError(
        f"not a state dict of a known policy: no name begins with {' or '.join(_CORES.values())}; "
        f"it has {', '.join(sorted(names)[:4]) or 'no entries'}"
    )


def rename(name: str, source: str, target: str) -> str | None:
    """What an entry `name` of the format `source` is called in `target`; None where that has no such thing.

    Raises ValueError for a name that `source` does not have.
    """
    if name.startswith(_MADE_AGAIN):
        return None
    if {source, target} <= set(_GRAPHS):
        old, new = (_CORES["policyfix" if kind == "graph" else "component"] for kind in (source, target))
        return new + name[len(old) :] if name.startswith(old) else name
    for row in _NAMES:
        start = _beginning(row, source)
        if start is not None and name.startswith(start):
            end = _beginning(row, target)
            return None if end is None else end + name[len(start) :]
    raise ValueError(f"{name!r} is no entry of a {source} state dict")


def _beginning(row: tuple[str, str | None, str | None], kind: str) -> str | None:
    if kind == "graph":
        return row[0] if row[0] == _CORES["policyfix"] else row[2]
    return row[FORMATS.index(kind)]


def convert(state: Mapping[str, Any], target: str) -> dict[str, Tensor]:
    """A state dict of any of `FORMATS` in the format `target`; tensors that need no change are shared.

    Entries without a counterpart are left out where they can be made again (which actions are active, initial
    weights). Raises ValueError for an unknown format or name, or where a layer has no counterpart: the
    reference's hand-written latent policies and its `Example` have no component graph.
    """
    if target not in FORMATS:
        raise ValueError(f"the format must be one of {', '.join(FORMATS)}, got {target!r}")
    source = format_of(state)
    result: dict[str, Tensor] = {}
    for prefixed, value in state.items():
        name = prefixed.removeprefix("module.")
        new = rename(name, source, target)
        if new is not None:
            ours = None if {source, target} <= set(_GRAPHS) else rename(name, source, "policyfix")
            result[new] = _shifted(ours, value, source, target)
        elif not (name.startswith(_MADE_AGAIN) or name == _ACTIVE):
            raise ValueError(f"{name!r} has no counterpart in a {target} state dict")
    attention = _COMPONENT + "obs_latent_query_attn."
    if target in _GRAPHS and not any("obs_latent_self_attn" in name for name in result):
        result = {
            name.replace(attention, _COMPONENT + "obs_cross_attn."): value for name, value in result.items()
        }
    return result


def _shifted(name: str | None, value: Tensor, source: str, target: str) -> Tensor:
    """The action embeddings and the rows of the active ones, from one format's numbering to another's."""
    by = int(target in _GRAPHS) - int(source in _GRAPHS)
    if by and name == _TABLE:
        return value.roll(by, dims=0)
    return value + by if by and name == _ACTIVE else value


def load_state(policy: nn.Module, state: Mapping[str, Any]) -> None:
    """Load a state dict of any of `FORMATS` into a policy of this package, every entry of it.

    What a checkpoint does not say stays as it is: which actions are active, the bounds of clipping per layer,
    and, while the mode has `environment_normalisation`, the normalisations of latent policies: those of the
    reference are not the environment's. Raises ValueError where names or shapes do not fit, with all of them.
    """
    own = policy.state_dict()
    source, target = format_of(state), format_of(own)
    if source == target:
        found = {name.removeprefix("module."): value for name, value in state.items()}
    else:
        found = convert(state, target)
    for name in own.keys() - found.keys():
        if name.startswith("_clip_bounds."):
            found[name] = own[name]
    if own.get(_ACTIVE) is not None and source != target:
        # Which rows are in use: told by the environment that the policy was made for.
        found[_ACTIVE] = own[_ACTIVE]
    mode: Any = getattr(policy, "mode", None)
    norms = "policy.encoder.obs_norm._norm_factors"
    if norms in own and source != target and mode.environment_normalisation:
        found[norms] = own[norms]
    try:
        policy.load_state_dict(found, strict=True)
    except RuntimeError as error:
        raise ValueError(f"the state dict does not fit {type(policy).__name__}: {error}") from None


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a `.safetensors` file, or in one that `torch.save` wrote of tensors alone.

    In the latter it may be an entry called `state_dict`, `model_state_dict` or `policy_state_dict`.
    Raises ValueError for anything else.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except Exception as error:  # whatever is in the file, the answer is one line
        raise ValueError(f"{path} holds no state dict of tensors: {str(error).splitlines()[0]}") from None
    for key in ("state_dict", "model_state_dict", "policy_state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state dict of tensors, but a {type(content).__name__}")
    return dict(content)


def write_state(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict, as `.safetensors` where the file is called so, else by `torch.save`."""
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file({name: value.contiguous() for name, value in state.items()}, path)
    else:
        torch.save(dict(state), path)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns 0, or 2 where the source cannot be read or converted."""
    parser = argparse.ArgumentParser(
        prog="python -m policyfix.runtime.checkpoints",
        description="Convert a state dict between the reference's policies and policyfix.runtime.policies.",
    )
    parser.add_argument("source", type=Path, help="a state dict: .safetensors, or written by torch.save")
    parser.add_argument("target", type=Path, help="where to write the converted one")
    parser.add_argument("--to", choices=FORMATS, default="policyfix", help="the format to write (policyfix)")
    options = parser.parse_args(arguments)
    try:
        state = read_state(options.source)
        converted = convert(state, options.to)
        write_state(converted, options.target)
    except (OSError, ValueError, ImportError) as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{options.source} ({format_of(state)}) -> {options.target} ({options.to}): {len(converted)} tensors"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
