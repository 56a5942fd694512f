"""`policyfix explain`: the page of a rule."""

from __future__ import annotations

import difflib

import click


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Show the page of RULE, by code (PF101) or name (missing-stamps)."""
    from rich.console import Console
    from rich.markdown import Markdown

    from policyfix import codemod
    from policyfix.rule import discover

    rules = {name: r for r in discover() for name in (r.code, r.name)}
    found = rules.get(rule) or rules.get(rule.upper())
    if found is None:
        close = difflib.get_close_matches(rule, rules, n=1) or difflib.get_close_matches(
            rule.upper(), rules, n=1
        )
        hint = f"; did you mean {close[0]}?" if close else ""
        raise click.UsageError(
            f"no rule is called {rule}{hint} Known: {', '.join(r.code for r in discover())}"
        )
    tiers = sorted({c.tier for c in codemod.discover() if found.code in c.answers})
    fix = " or ".join(tiers) if tiers else "none"
    console = Console(highlight=False)
    console.print(f"[bold]{found.code}[/bold] {found.name} ({found.severity}, fix: {fix})\n")
    console.print(Markdown(found.page()))
