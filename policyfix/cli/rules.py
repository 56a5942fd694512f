"""`policyfix rules`: list the rules."""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.option(
    "--output-format",
    type=click.Choice(["rich", "json"]),
    default="rich",
    show_default=True,
    help="How to show the list.",
)
def rules(output_format: str) -> None:
    """List every rule: code, name, severity, fix, and the defect in one line."""
    from policyfix import codemod
    from policyfix.rule import discover

    rows: list[dict[str, Any]] = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "preview": rule.preview,
            "fix": sorted({c.tier.value for c in codemod.discover() if rule.code in c.answers}),
            "summary": rule.summary(),
        }
        for rule in discover()
    ]
    if output_format == "json":
        import json

        click.echo(json.dumps({"version": 1, "rules": rows}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("code", "name", "severity", "fix"):
        table.add_column(heading, no_wrap=True)
    table.add_column("defect")
    for row in rows:
        preview = " (preview)" if row["preview"] else ""
        fix = " or ".join(row["fix"]) or "-"
        table.add_row(row["code"], row["name"] + preview, row["severity"], fix, row["summary"])
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 1_000  # for grep: a line is a rule
    console.print(table)
