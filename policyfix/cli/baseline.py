"""`policyfix baseline`: write down the findings that are known."""

from __future__ import annotations

from pathlib import Path

import click

from policyfix.cli import options


@click.command()
@options.configured
@click.option(
    "--baseline",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write. Default: what the settings say, else policyfix-baseline.json beside them.",
)
@click.option("--add", is_flag=True, help="Take findings in that the existing baseline does not hold.")
@click.pass_context
def baseline(context: click.Context, setup: options.Setup, file: Path | None, add: bool) -> None:
    """Write down the findings in PATHS, so that `policyfix check --baseline FILE` reports new ones only.

    Where there is a baseline already, it can only shrink: what is mended is taken out of it, and what is new
    is reported and not taken in, unless --add is given.

    Exit status: 0 written, 1 written but there are new findings, 2 nothing is written.
    """
    from policyfix import baselines, engine, reports
    from policyfix.config import ConfigError
    from policyfix.reader import Reader

    path = file or setup.settings.path(setup.settings.baseline or baselines.DEFAULT_NAME)
    reader = Reader(setup.contract, setup.overlay)
    result = engine.check(
        setup.paths,
        setup.contract,
        setup.rules,
        reader=reader,
        walk=setup.walk,
        screen=setup.screen,
        with_fixes=False,
    )
    if result.problems:
        for problem in result.problems:
            click.echo(reports.line_of_problem(problem), err=True)
        context.exit(2)
    try:
        if path.exists():
            kept = baselines.read(path)
            judged = kept.judged(setup.paths, frozenset(rule.code for rule in setup.rules), result)
            counts = baselines.shrunk(kept, result, judged)
        else:
            kept, counts, add = baselines.Baseline(path.absolute().parent, {}), {}, True
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    new = baselines.without_known(result, kept, ()).findings
    if add:
        found = kept.found(result)
        counts |= {kept.key(f): found[kept.key(f)] for f in new}
    try:
        path.write_text(baselines.render(counts), encoding="utf-8", newline="\n")
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from None
    before, after = sum(kept.counts.values()), sum(counts.values())
    click.echo(f"{path}: {after} known finding{'' if after == 1 else 's'}, {before} before")
    if new and not add:
        for finding in new:
            click.echo(f"new: {reports.line_of(finding)}", err=True)
        context.exit(1)
