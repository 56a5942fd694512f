"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from policyfix import contract as contracts

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

paths: Decorator = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))

exclude: Decorator = click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out files and folders whose path matches; may be given several times.",
)

contract: Decorator = click.option(
    "--contract",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Contract to check against (YAML). Default: the one that ships with policyfix.",
)


def load_contract(path: Path | None) -> contracts.Contract:
    """The contract, or a usage error that says what is wrong with it."""
    try:
        return contracts.load(path)
    except contracts.ContractError as error:
        raise click.UsageError(str(error)) from None


def existing(given: tuple[Path, ...]) -> list[Path]:
    """The paths that were given, the current folder without any; a usage error for one that is missing."""
    for path in given:
        if not path.exists():
            raise click.UsageError(f"{path} does not exist")
    return list(given) or [Path()]
