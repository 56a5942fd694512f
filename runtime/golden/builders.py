"""Who builds the policy that a recording asks for."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .. import policies
from ..checkpoints import rename
from ..components import ComponentPolicy, read_config
from .recording import Builder, Folder, Subject, UnreadableError, read_meta

CORE = "policy.components._core_._net."


def environment(meta: Mapping[str, Any]) -> SimpleNamespace:
    """The environment that `meta.json` describes, as policies want it."""
    env = meta["env"]
    return SimpleNamespace(
        single_observation_space=SimpleNamespace(shape=tuple(env["obs_shape"])),
        single_action_space=SimpleNamespace(nvec=list(env["action_space_nvec"])),
        max_action_args=list(env["max_action_args"]),
        action_names=list(env["action_names"]),
        obs_width=env["obs_width"],
        obs_height=env["obs_height"],
        feature_normalizations={int(id_): float(n) for id_, n in env["feature_normalizations"].items()},
    )


def under_agent(name: str) -> str:
    """The recorded name of a parameter of a hand-written policy: the agent's, which holds it as `policy`."""
    return f"policy.{name}"


def in_components(name: str) -> str:
    """The recorded name of a parameter of a component policy, where the core is a component like others."""
    return name.replace("lstm.", CORE, 1) if name.startswith("lstm.") else name


def _build_component(meta: Mapping[str, Any]) -> Subject:
    config = read_config(meta["policy"].removeprefix("component_"))
    policy = ComponentPolicy(
        environment(meta), mode="reference", **(config | meta["config"]["constructor_overrides"])
    )
    results = meta.get("clip", {}).get("results", {}).values()
    recorded: Mapping[str, Any] = next(
        (result["components"] for result in results if result.get("components")), {}
    )
    if recorded and policy._clip_bounds is not None:
        # Bounds stem from the initial weights, which the recorded ones are no more.
        for position, name in enumerate(policy._clip_bounds.names):
            component = name.split(".")[2]
            if component in recorded:
                policy._clip_bounds.largest[position] = recorded[component]["largest_weight"]
    return Subject(policy, in_components)


def _build_policy(meta: Mapping[str, Any]) -> Subject:
    kind = getattr(policies, meta["policy_class"], None)
    if kind is None:
        raise UnreadableError(f"no policy of this package is called {meta['policy_class']!r}")
    policy = kind(environment(meta), mode="reference", **meta["config"]["constructor_overrides"])
    return Subject(policy, lambda name: rename(name, "policyfix", "pytorch") or name)


# The policy of `meta.json` -> who builds it. A name that ends in * stands for all that begin so.
BUILDERS: dict[str, Builder] = {"component_*": _build_component, "pytorch_*": _build_policy}


def open_folder(path: Path, builder: Builder | None = None) -> Folder:
    """A folder and who builds its policy: `builder`, or the one of `BUILDERS` that its `meta.json` asks for.

    Raises UnreadableError for a folder that is none, or of a policy that nobody here builds.
    """
    meta = read_meta(path)
    name = str(meta.get("policy"))
    if builder is None:
        patterns = [
            known
            for known in BUILDERS
            if known == name or (known.endswith("*") and name.startswith(known[:-1]))
        ]
        if not patterns:
            raise UnreadableError(f"nobody builds the policy {name!r}; known: {', '.join(BUILDERS)}")
        builder = BUILDERS[max(patterns, key=len)]
    return Folder(path, meta, builder)
