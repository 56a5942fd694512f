"""`policyfix apply`: show or write the fixes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policyfix.cli import options

if TYPE_CHECKING:
    from policyfix.rewrite import Rewrite


class Failed(click.ClickException):
    """Something that `apply` cannot do: one line, exit status 2."""

    exit_code = 2


@click.command()
@options.configured
@click.option("--diff", is_flag=True, help="Show what would change and write nothing.")
@click.option("--unsafe", is_flag=True, help="Also make fixes that change numbers you may rely on.")
@click.option("--allow-dirty", is_flag=True, help="Write to files that git could not bring back, too.")
@click.option(
    "--verify/--no-verify",
    default=False,
    help="Run the probes on every class that was changed, and put all files back where one fails. "
    "This imports your code. Default: --no-verify.",
)
@click.pass_context
def apply(
    context: click.Context,
    setup: options.Setup,
    diff: bool,
    unsafe: bool,
    allow_dirty: bool,
    verify: bool,
) -> None:
    """Mend the contract defects in the Python files under PATHS, migrating agents where they are recognised.

    Files that git could not bring back (changed since they were staged, or untracked in a checkout) are left
    alone without --allow-dirty.

    Exit status: 0 nothing is left to do, 1 findings are left (with --diff: or changes would be made, with
    --verify: or a probe failed), 2 a file could not be handled.
    """
    from policyfix import rewrite

    if setup.overlay:
        raise click.UsageError("apply writes files: standard input is none")
    if verify and not diff:
        _need_torch()
    try:
        outcome = rewrite.rewrite(
            setup.paths, setup.contract, unsafe, setup.rules, walk=setup.walk, screen=setup.screen
        )
        if diff:
            for change in outcome.changes:
                click.echo(change.diff(), nl=False)
        else:
            _refuse_dirty(outcome, allow_dirty)
            rewrite.write(outcome.changes)
    except rewrite.RewriteError as error:
        raise Failed(str(error)) from None
    if verify and not diff and not _verified(outcome, setup.contract_file):
        context.exit(1)
    _summarise(outcome, diff)
    if outcome.left.problems:
        context.exit(2)
    context.exit(1 if outcome.left.findings or (diff and outcome.changes) else 0)


def _need_torch() -> None:
    """Before anything is written: the probes need torch, and this process must not load it."""
    command = [sys.executable, "-c", "import tensordict, torch"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise Failed("--verify needs torch and tensordict: pip install 'policyfix[runtime]'")


def _refuse_dirty(outcome: Rewrite, allow_dirty: bool) -> None:
    from policyfix import rewrite

    dirty = [] if allow_dirty else rewrite.uncommitted(c.path for c in outcome.changes)
    if dirty:
        raise rewrite.RewriteError(
            f"{', '.join(dirty)} {'has' if len(dirty) == 1 else 'have'} uncommitted changes: "
            "commit, stage or stash them first, or use --allow-dirty; nothing is written"
        )


def _verified(outcome: Rewrite, contract: Path | None) -> bool:
    """Whether the probes of what was mended pass; every file is put back where they do not."""
    from policyfix import rewrite

    try:
        failures = _failed_probes(outcome, contract)
    except BaseException:  # interrupted: not proven
        rewrite.put_back(outcome.changes)
        raise
    if not failures:
        return True
    kept = rewrite.put_back(outcome.changes)
    click.echo("the probes do not pass, so every file is put back as it was:", err=True)
    for failure in failures:
        click.echo(f"  {failure}", err=True)
    click.echo("--exclude leaves a file out, so that the others can be written", err=True)
    if kept:
        raise Failed(f"{', '.join(kept)} changed while the probes ran and could not be put back")
    return False


def _failed_probes(outcome: Rewrite, contract: Path | None) -> list[str]:
    """Runs the probes of the mended codes on every class that was at fault; what failed, and how."""
    from policyfix.contract import default_path
    from policyfix.runtime.checker import verify
    from policyfix.runtime.checker.probes import probe_names

    probes = {probe.rule: probe.code for probe in probe_names()}
    failures: list[str] = []
    for (path, name), codes in outcome.mended.items():
        select = [probes[code] for code in codes if code in probes]
        if not select:
            continue
        target = f"{path}::{name}"
        verification = verify(target, contract=contract or default_path(), select=select)
        failed = [p for p in verification.probes if p.status in ("fail", "error")]
        failures += [f"{target}: {p.code} {p.name}: {p.evidence}" for p in failed]
        if verification.error:
            failures.append(f"{target}: {verification.error}")
        elif not failed:
            passed = [p.code for p in verification.probes if p.status == "pass"]
            click.echo(f"verified {name}: {', '.join(passed)}", err=True)
    return failures


def _summarise(outcome: Rewrite, diff: bool) -> None:
    """What was done and what is left, on the error stream: the diff goes to the other one."""
    from policyfix import reports

    verb = "would mend" if diff else "mended"
    for fixed in outcome.fixed:
        click.echo(f"{fixed.path}: {verb} {', '.join(fixed.codes)}: {fixed.title}", err=True)
    for finding in outcome.gone:
        # What was certain before may only be unknown now.
        click.echo(f"with that, no longer found: {reports.line_of(finding)}", err=True)
    if not outcome.changes:
        click.echo("nothing to change", err=True)
    for finding in outcome.left.findings:
        click.echo(f"left: {reports.line_of(finding)}", err=True)
        reason = finding.unfixed or (f"needs --unsafe: {finding.fix.title}" if finding.fix else "")
        if reason:
            click.echo(f"      {reason}", err=True)
    for problem in outcome.left.problems:
        click.echo(reports.line_of_problem(problem), err=True)
