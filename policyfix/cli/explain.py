"""`policyfix explain`: the page of a rule."""

from __future__ import annotations

import inspect
from typing import get_args

import click

from policyfix.config import did_you_mean

UNREADABLE = "unreadable-source"


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Show the page of RULE, by code (PF101) or name (missing-stamps)."""
    from rich.console import Console
    from rich.markdown import Markdown

    from policyfix import codemod
    from policyfix.finding import Problem
    from policyfix.rule import discover

    console = Console(highlight=False)
    if rule.upper() == Problem.code or rule == UNREADABLE:
        console.print(f"[bold]{Problem.code}[/bold] {UNREADABLE} (error, fix: none)\n")
        console.print(Markdown(inspect.cleandoc(Problem.__doc__ or "")))
        return
    rules = {name: r for r in discover() for name in (r.code, r.name)}
    found = rules.get(rule) or rules.get(rule.upper())
    if found is None:
        hint = did_you_mean(rule, rules) or "; policyfix rules lists them"
        raise click.UsageError(f"no rule is called {rule}{hint}")
    tiers = sorted({c.tier for c in codemod.discover() if found.code in c.answers})
    fix = " or ".join(tiers) if tiers else "none"
    console.print(f"[bold]{found.code}[/bold] {found.name} ({found.severity}, fix: {fix})")
    kinds = get_args(found.on) or (found.on,)
    console.print(f"Asked of {', and of '.join(kind.who for kind in kinds)}.\n")
    console.print(Markdown(found.page()))
