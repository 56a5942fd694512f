"""The command `python -m policyfix.runtime.golden`."""

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from . import SEEDS, Builder, Subject, UnreadableError, replay_folder, under_agent


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m policyfix.runtime.golden",
        description="Replay recorded numbers of a policy; print how far ours are, in units of the tolerance.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--builder", help="module:function that builds the policy from meta.json")
    parser.add_argument(
        "--seeds",
        type=int,
        default=SEEDS,
        help="how many initialisations to draw; 0: none (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="only what is over, and a line per folder")
    options = parser.parse_args(arguments)
    status = 0
    for path in options.folders:
        try:
            builder = _load_builder(options.builder) if options.builder else None
            deviations = replay_folder(path, builder, options.seeds)
        except (UnreadableError, ImportError, AttributeError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
            continue
        over = [deviation for deviation in deviations if deviation.is_over]
        for deviation in over if options.quiet else deviations:
            mark = "OVER" if deviation.is_over else "    "
            line = f"{mark} {deviation.units:9.3g}  {deviation.file:<14} {deviation.tensor}  {deviation.note}"
            print(line.rstrip())
        worst = max(deviations, key=lambda one: float("inf") if one.is_over else one.units)
        print(
            f"{path}: {len(deviations)} tensors, {len(over)} over; "
            f"worst {worst.units:.3g} ({worst.file} {worst.tensor})"
        )
        status = max(status, 1 if over else 0)
    return status


def _load_builder(spec: str) -> Builder:
    """`module:function`, which takes `meta.json` and returns a Subject, or a policy with the recorded
    names."""
    module, _, function = spec.partition(":")
    build = getattr(import_module(module), function)

    def wrapped(meta: Mapping[str, Any]) -> Subject:
        built = build(meta)
        return built if isinstance(built, Subject) else Subject(built, under_agent)

    return wrapped


if __name__ == "__main__":
    sys.exit(main())
