"""`policyfix verify`: run the probes on a policy class and show what they found."""

import json
import sys
from importlib.resources import as_file, files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policyfix.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from policyfix.runtime.checker import ProbeResult, Verification

STYLES = {"pass": "green", "fail": "bold red", "error": "bold magenta", "skipped": "dim"}


@click.command()
@click.argument("target")
@click.option(
    "--output-format",
    type=click.Choice(["rich", "json"]),
    default="rich",
    show_default=True,
    help="How to show the result.",
)
@click.option(
    "--select", multiple=True, callback=options.listed, help="Probes to run: PV101, PF101, PV2, stamps, ..."
)
@click.option("--ignore", multiple=True, callback=options.listed, help="Probes to leave out.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds that one probe may take.",
)
@click.option(
    "--search-path",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder to import the target's modules from; may be given several times.",
)
@click.option(
    "--python",
    default=sys.executable,
    help="Interpreter to run the policy in; policyfix must be installed there. Default: this one.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random number.")
@click.option(
    "--contract", type=options.FILE, help="Contract to verify against (YAML). Default: the packaged one."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the result as one HTML page, too.",
)
@click.pass_context
def verify(
    context: click.Context,
    target: str,
    output_format: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    timeout: float,
    search_path: tuple[Path, ...],
    python: str,
    seed: int,
    contract: Path | None,
    report: Path | None,
) -> None:
    """Run the probes on the policy class TARGET: path/to/file.py::Class or package.module:Class.

    The class is imported and run in a child process. Exit status: 0 when every probe passed or was skipped,
    1 when one failed or broke down, 2 when none could run.
    """
    from policyfix.runtime.checker import verify as run_probes
    from policyfix.runtime.checker.report import ReportError, html_renderer

    try:
        render = html_renderer() if report else None
    except ReportError as error:
        raise click.UsageError(str(error)) from None
    with as_file(files("policyfix.contracts") / "metta.yaml") as packaged:
        verification = run_probes(
            target,
            contract=contract or packaged,
            select=select,
            ignore=ignore,
            timeout=timeout,
            search_path=search_path,
            python=python,
            seed=seed,
        )
    if output_format == "json":
        click.echo(json.dumps(verification.as_json(), indent=2))
    else:
        _show(verification)
    if render and report:
        try:
            report.write_text(render(verification), encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"cannot write the report {report}: {error.strerror}") from None
    context.exit(verification.exit_code)


def _show(verification: "Verification") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if verification.probes:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("probe", "name", "status"):
            table.add_column(heading)
        table.add_column("seconds", justify="right")
        for probe in verification.probes:
            shown = Text(probe.status, STYLES[probe.status])
            table.add_row(probe.code, probe.name, shown, f"{probe.seconds:.2f}")
        console.print(table)
        for status in ("skipped", "error", "fail"):
            _explain(console, [probe for probe in verification.probes if probe.status == status])
        counts = ", ".join(f"{count} {name}" for name, count in verification.summary.items())
        console.print(f"\n{verification.target}: {counts}", markup=False, highlight=False, soft_wrap=True)
    if verification.error:
        Console(stderr=True).print(
            f"Error: {verification.error}", markup=False, highlight=False, soft_wrap=True
        )


def _explain(console: "Console", probes: "list[ProbeResult]") -> None:
    """Evidence, rule and hint of each probe; those that say the same are told together."""
    from rich.padding import Padding
    from rich.text import Text

    from policyfix.rule import discover

    pages = {rule.code for rule in discover()}

    def said(probe: "ProbeResult") -> tuple[str, str]:
        return probe.evidence, probe.hint if probe.status == "fail" else ""

    order = [said(probe) for probe in probes]
    for (evidence, hint), same in groupby(
        sorted(probes, key=lambda probe: order.index(said(probe))), key=said
    ):
        alike = list(same)
        heading = Text("\n").append(
            ", ".join(f"{probe.code} {probe.name}" for probe in alike), STYLES[alike[0].status]
        )
        if rules := [probe.rule for probe in alike if probe.rule in pages and probe.status == "fail"]:
            heading.append(f"  (policyfix explain {rules[0]})", "dim")
        console.print(heading)
        console.print(Padding(Text(evidence), (0, 0, 0, 2)))
        if hint:
            console.print(Padding(Text(f"hint: {hint}", "italic"), (0, 0, 0, 2)))
