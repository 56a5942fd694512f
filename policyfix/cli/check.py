"""`policyfix check`: find contract defects."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policyfix import cache, config
from policyfix.cli import options

if TYPE_CHECKING:
    from policyfix import sources
    from policyfix.finding import Result
    from policyfix.reader import Reader


def _outputs(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> list[tuple[str, Path]]:
    outputs = []
    for value in values:
        name, equals, file = value.partition("=")
        if not (equals and file) or name not in config.FORMATS:
            raise click.BadParameter(
                f"{value!r} is not FORMAT=FILE, FORMAT one of {', '.join(config.FORMATS)}"
            )
        if file == "-":
            raise click.BadParameter(
                f"{value!r} names no file: for standard output use --output-format {name}"
            )
        outputs.append((name, Path(file)))
    return outputs


@click.command()
@options.configured
@click.option(
    "--output-format",
    type=click.Choice(config.FORMATS),
    help="How to show findings. Default: what the settings say, else rich on a terminal, concise elsewhere.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    callback=_outputs,
    metavar="FORMAT=FILE",
    help="Write findings to a file, too; may be given several times.",
)
@click.option("--baseline", type=options.FILE, help="Do not report the findings that this file holds.")
@click.option("--no-baseline", is_flag=True, help="Report what the baseline of the settings holds, too.")
@click.option("--statistics", is_flag=True, help="Show how often each rule spoke, not each finding.")
@click.option("--show-files", is_flag=True, help="List the files that would be read, and check nothing.")
@click.option(
    "--stdin-filename",
    type=click.Path(path_type=Path),
    help="Check standard input as the file of that name.",
)
@click.option("--no-cache", is_flag=True, help="Neither use nor keep what earlier runs learnt.")
@click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=cache.default_folder,
    envvar="POLICYFIX_CACHE_DIR",
    help="Where to keep what this run learns. Default: policyfix in your cache folder.",
)
@click.pass_context
def check(
    context: click.Context,
    setup: options.Setup,
    output_format: str | None,
    outputs: list[tuple[str, Path]],
    baseline: Path | None,
    no_baseline: bool,
    statistics: bool,
    show_files: bool,
    no_cache: bool,
    cache_dir: Path,
) -> None:
    """Find contract defects in the Python files under PATHS (default: the current folder; -: standard input).

    Nothing of yours is imported or run. Hidden folders, those called build, dist, node_modules,
    site-packages, venv or __pycache__, and what .gitignore names are passed over unless they are given
    themselves.

    Exit status: 0 clean, 1 findings, 2 wrong usage, or a file could not be checked.
    """
    from policyfix import reports, sources

    selection = sources.discover(setup.paths, setup.walk)
    if show_files:
        for file in selection.files:
            click.echo(str(file))
        for error in selection.unreadable:
            click.echo(f"error: {error}", err=True)
        context.exit(2 if selection.unreadable else 0)
    plain = setup.settings.output_format or ("rich" if sys.stdout.isatty() else "concise")
    shown = "statistics" if statistics else output_format or plain
    with_fixes = not reports.SHOWING_FIXES.isdisjoint([shown, *(name for name, _ in outputs)])
    result = _result(setup, selection, None if no_cache else cache_dir, with_fixes)
    if not result.files and not setup.settings.exclude and not result.problems:
        raise click.UsageError(f"there is no Python file under {', '.join(map(str, setup.paths))}")
    if baseline is None and setup.settings.baseline is not None and not no_baseline:
        baseline = setup.settings.path(setup.settings.baseline)
    if baseline is not None:
        result = _without_known(result, baseline, setup)
    for name, path in outputs:
        try:
            with path.open("w", encoding="utf-8") as opened:
                reports.write(result, name, opened)
        except OSError as error:
            raise click.UsageError(f"cannot write {path}: {error.strerror}") from None
    reports.write(result, shown, sys.stdout)
    for stale in result.stale:
        click.echo(f"the baseline is out of date: {stale}", err=True)
    context.exit(result.exit_code)


def _result(
    setup: options.Setup, selection: sources.Selection, folder: Path | None, with_fixes: bool
) -> Result:
    known = None if folder is None else cache.Cache(folder, setup.contract_state)
    result = _recalled(setup, selection, known, with_fixes)
    if known is not None and known.failure is not None:
        click.echo(f"warning: nothing can be kept in {folder}: {known.failure}", err=True)
    return result


def _recalled(
    setup: options.Setup, selection: sources.Selection, known: cache.Cache | None, with_fixes: bool
) -> Result:
    """What an earlier run said, where the same question about the same files has the same answer; else what
    this one finds."""
    since = time.time()
    # What single files are asked for may change with files that do not exist yet.
    if known is None or setup.is_partial or setup.overlay or selection.unreadable:
        return _checked(setup, selection, known, with_fixes)
    question = cache.digest(setup.settings, setup.paths, os.getcwd(), with_fixes)
    files = [str(file) for file in selection.files]
    result, changed = known.recall(question, files) or (None, [])
    if result is not None and not changed:
        return result
    if result is None or not _stands(known, question, changed, setup):
        result = _checked(setup, selection, known, with_fixes)
    known.remember(question, files, result, since)
    return result


def _stands(known: cache.Cache, question: str, changed: list[str], setup: options.Setup) -> bool:
    """Whether the changed files have no part in what is known."""
    grounds = known.grounds(question)
    paths = [Path(file).absolute() for file in changed]
    return grounds is not None and _reader(setup, known).is_unconcerned(paths, grounds)


def _reader(setup: options.Setup, known: cache.Cache | None) -> Reader:
    """What reads, knowing what the index of the repository knows."""
    from policyfix import sources
    from policyfix.reader import Reader

    contract = setup.contract if known is None else known.recalled("contract", lambda: setup.contract)
    first = setup.paths[0].absolute()
    return Reader(contract, setup.overlay, known, sources.repository(first) or first)


def _checked(
    setup: options.Setup, selection: sources.Selection, known: cache.Cache | None, with_fixes: bool
) -> Result:
    processes = os.cpu_count() or 1
    reader = _reader(setup, known)
    reader.start_proof(selection.files, beside=processes > 1)
    # Only now: while the rules are loaded, another process reads. A result that is recalled needs no rule.
    from policyfix import engine
    from policyfix.cli.progress import progress

    with progress() as drawn:
        return engine.check(
            setup.paths,
            reader.contract,
            setup.rules,
            reader=reader,
            walk=setup.walk,
            screen=setup.screen,
            processes=processes,
            selection=selection,
            with_dependants=setup.is_partial,
            with_fixes=with_fixes,
            progress=drawn,
        )


def _without_known(result: Result, file: Path, setup: options.Setup) -> Result:
    from policyfix import baselines

    try:
        baseline = baselines.read(file)
    except config.ConfigError as error:
        raise click.UsageError(str(error)) from None
    found = baseline.found(result)
    fewer = any(found[key] < count for key, count in baseline.counts.items())
    # Which rules run is only asked where it matters: to know them, all have to be loaded.
    codes = frozenset(rule.code for rule in setup.rules) if fewer else frozenset[str]()
    return baselines.without_known(result, baseline, baseline.judged(setup.paths, codes, result))
