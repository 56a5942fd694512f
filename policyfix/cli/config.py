"""`policyfix config`: the settings in effect, or what they make of a file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from policyfix import config as settings_of
from policyfix.cli import options


@click.command()
@options.configured
@click.option("--schema", is_flag=True, help="Print the JSON schema of the settings.")
@click.option(
    "--explain",
    "file",
    type=options.FILE,
    help="Say how FILE is read: its settings, classes, subjects and rules, and why a rule is silent.",
)
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def config(
    context: click.Context, setup: options.Setup, schema: bool, file: Path | None, output_format: str
) -> None:
    """Show the settings that are in effect for PATHS, and where they come from."""
    if schema:
        click.echo(json.dumps(settings_of.schema(), indent=2))
        return
    shown = {
        "source": None if setup.settings.source is None else str(setup.settings.source),
        "settings": settings_of.as_json(setup.settings),
        "rules": [rule.code for rule in setup.rules],
    }
    if file is not None:
        from policyfix import explanation

        explained = explanation.explain(file, setup.contract, setup.rules, setup.walk, setup.screen)
        if output_format == "json":
            click.echo(json.dumps({"version": 1, **shown, "file": explained.as_json()}, indent=2))
        else:
            click.echo(f"settings: {shown['source'] or 'none: the defaults'}")
            click.echo("\n".join(explained.lines()))
        return
    if output_format == "json":
        click.echo(json.dumps({"version": 1, **shown}, indent=2))
        return
    click.echo(f"# {shown['source'] or 'no settings file: these are the defaults'}")
    for key, value in settings_of.as_json(setup.settings).items():
        click.echo(f"# {key} is not set" if value is None else f"{key} = {_toml(value)}")
    click.echo(f"# rules that run: {' '.join(rule.code for rule in setup.rules)}")


def _toml(value: object) -> str:
    """A value as TOML writes it; JSON's strings, lists and booleans read the same."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k, ensure_ascii=False)} = {_toml(v)}" for k, v in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(value, ensure_ascii=False)
