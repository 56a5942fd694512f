"""`policyfix check`: find contract defects."""

from __future__ import annotations

from pathlib import Path

import click

from policyfix.cli import options

FORMATS = ("rich", "concise", "json")


@click.command()
@options.paths
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="rich",
    show_default=True,
    help="How to show findings.",
)
@options.exclude
@options.contract
@click.pass_context
def check(
    context: click.Context,
    paths: tuple[Path, ...],
    output_format: str,
    exclude: tuple[str, ...],
    contract: Path | None,
) -> None:
    """Find contract defects in the Python files under PATHS (default: the current folder).

    Nothing of yours is imported or run. Hidden folders and those called build, dist, node_modules,
    site-packages, venv or __pycache__ are passed over unless they are given themselves.

    Exit status: 0 clean, 1 findings, 2 a file could not be checked.
    """
    from policyfix import engine, reports

    given = options.existing(paths)
    result = engine.check(given, options.load_contract(contract), exclude=exclude)
    if not result.files and not exclude and not result.problems:
        raise click.UsageError(f"there is no Python file under {', '.join(map(str, given))}")
    reports.write(result, output_format)
    context.exit(result.exit_code)
