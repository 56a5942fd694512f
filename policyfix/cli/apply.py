"""`policyfix apply`: show or write the fixes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policyfix.cli import options

if TYPE_CHECKING:
    from policyfix.rewrite import Rewrite


@click.command()
@options.paths
@click.option("--diff", is_flag=True, help="Show what would change and write nothing.")
@click.option("--unsafe", is_flag=True, help="Also make fixes that change numbers you may rely on.")
@click.option("--allow-dirty", is_flag=True, help="Write to files that have uncommitted changes, too.")
@click.option(
    "--verify/--no-verify",
    default=False,
    help="Run the probes on every class that was changed, and put its files back where they fail. "
    "This imports your code. Default: --no-verify.",
)
@options.exclude
@options.contract
@click.pass_context
def apply(
    context: click.Context,
    paths: tuple[Path, ...],
    diff: bool,
    unsafe: bool,
    allow_dirty: bool,
    verify: bool,
    exclude: tuple[str, ...],
    contract: Path | None,
) -> None:
    """Mend the contract defects in the Python files under PATHS, migrating agents where they are recognised.

    Exit status: 0 nothing is left to do, 1 findings are left (with --diff: or changes would be made, with
    --verify: or a probe failed), 2 a file could not be handled.
    """
    from policyfix import rewrite

    kept_contract = options.load_contract(contract)
    try:
        outcome = rewrite.rewrite(options.existing(paths), kept_contract, unsafe=unsafe, exclude=exclude)
        if diff:
            for change in outcome.changes:
                click.echo(change.diff(), nl=False)
        else:
            _refuse_dirty(outcome, allow_dirty)
            rewrite.write(outcome.changes)
    except rewrite.RewriteError as error:
        raise click.ClickException(str(error)) from None
    failed = False
    if verify and outcome.changes and not diff:
        failed = _verified(outcome, contract)
    _summarise(outcome, diff)
    if outcome.left.problems:
        context.exit(2)
    context.exit(1 if failed or outcome.left.findings or (diff and outcome.changes) else 0)


def _refuse_dirty(outcome: Rewrite, allow_dirty: bool) -> None:
    from policyfix import rewrite

    dirty = [] if allow_dirty else rewrite.uncommitted(c.path for c in outcome.changes)
    if dirty:
        raise rewrite.RewriteError(
            f"{', '.join(dirty)} {'has' if len(dirty) == 1 else 'have'} uncommitted changes: "
            "commit or stash them first, or use --allow-dirty; nothing is written"
        )


def _verified(outcome: Rewrite, contract: Path | None) -> bool:
    """Runs the probes of what was mended; puts the files back where one fails. Whether any did."""
    from policyfix import rewrite
    from policyfix.contract import default_path
    from policyfix.runtime.checker import verify

    failures: list[str] = []
    for path, name in outcome.migrated:
        codes = sorted({f.code for f in outcome.mended if (f.subject_path, f.subject) == (path, name)})
        select = [code.replace("PF", "PV", 1) for code in codes]
        target = f"{path}::{name}"
        verification = verify(target, contract=contract or default_path(), select=select)
        if verification.error:
            failures.append(f"{target}: {verification.error}")
        failures += [
            f"{target}: {p.code} {p.name}: {p.evidence}"
            for p in verification.probes
            if p.status in ("fail", "error")
        ]
        if not failures:
            click.echo(f"verified {name}: {', '.join(select)}", err=True)
    if failures:
        rewrite.put_back(outcome.changes)
        click.echo("the probes do not pass, so every file is put back as it was:", err=True)
        for failure in failures:
            click.echo(f"  {failure}", err=True)
        sys.exit(1)
    return bool(failures)


def _summarise(outcome: Rewrite, diff: bool) -> None:
    """What was done and what is left, on the error stream: the diff goes to the other one."""
    from policyfix import reports

    verb = "would mend" if diff else "mended"
    titles: dict[tuple[str, str], list[str]] = {}
    for finding in outcome.mended:
        if finding.fix is not None:
            titles.setdefault((finding.path, finding.fix.title), []).append(finding.code)
    for (path, title), codes in titles.items():
        click.echo(f"{path}: {verb} {', '.join(sorted(set(codes)))}: {title}", err=True)
    if not outcome.changes:
        click.echo("nothing to change", err=True)
    for finding in outcome.left.findings:
        click.echo(f"left: {reports.concise(finding)}", err=True)
        reason = finding.unfixed or (f"needs --unsafe: {finding.fix.title}" if finding.fix else "")
        if reason:
            click.echo(f"      {reason}", err=True)
    for problem in outcome.left.problems:
        click.echo(reports.problem(problem), err=True)
