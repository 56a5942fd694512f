"""Options that several commands share, and what they make up together: the set-up of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from policyfix import config

if TYPE_CHECKING:
    from policyfix.contract import Contract
    from policyfix.rule import Rule
    from policyfix.screen import Screen
    from policyfix.sources import Source, Walk

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

STANDARD_INPUT = Path("-")


def listed(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Selectors given one by one or with commas between them."""
    return tuple(s.strip() for value in values for s in value.split(",") if s.strip())


def _selectors(flag: str, text: str) -> Decorator:
    return click.option(flag, multiple=True, callback=listed, metavar="RULES", help=text)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS: tuple[Decorator, ...] = (
    click.argument("paths", nargs=-1, type=click.Path(path_type=Path)),
    _selectors("--select", "Run only these rules: codes, prefixes or names, with commas between them."),
    _selectors("--extend-select", "Run these rules as well."),
    _selectors("--ignore", "Do not run these rules."),
    click.option("--preview", is_flag=True, help="Run preview rules as well."),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Leave out files and folders by name or path; may be given several times.",
    ),
    click.option("--force-exclude", is_flag=True, help="Leave out excluded files even where they are named."),
    click.option("--no-respect-gitignore", is_flag=True, help="Read what .gitignore files name, too."),
    click.option(
        "--contract", type=FILE, help="Contract to check against (YAML). Default: the packaged one."
    ),
    click.option("--config", "config_file", type=FILE, help="Settings to use (TOML). Default: the nearest."),
    click.option("--isolated", is_flag=True, help="Use no settings file."),
)


@dataclass(frozen=True)
class Setup:
    """What a run is about: the files, the contract, the rules, and what becomes of their findings. What takes
    time to load is only made when it is asked for."""

    paths: tuple[Path, ...]
    settings: config.Settings
    contract_file: Path | None
    overlay: Mapping[Path, Source]

    @property
    def walk(self) -> Walk:
        from policyfix.sources import Walk

        given = self.settings
        return Walk(given.exclude, given.root, given.force_exclude, given.respect_gitignore)

    @property
    def is_partial(self) -> bool:
        """Whether single files were given, rather than folders."""
        return any(not path.is_dir() for path in self.paths)

    @property
    def contract_state(self) -> bytes:
        """Changes with what the contract says, and of whom."""
        listed = "".join(f"{name}\n" for name in self.settings.policies).encode()
        if self.contract_file is None:
            return listed
        try:
            return listed + self.contract_file.read_bytes()
        except OSError as error:
            raise click.UsageError(f"{self.contract_file}: {error.strerror}") from None

    @cached_property
    def contract(self) -> Contract:
        from policyfix import contract as contracts

        try:
            return replace(contracts.load(self.contract_file), policies=self.settings.policies)
        except contracts.ContractError as error:
            raise click.UsageError(str(error)) from None

    @cached_property
    def _chosen(self) -> tuple[tuple[type[Rule[Any]], ...], Screen]:
        from policyfix import selection
        from policyfix.rule import discover

        try:
            rules = selection.choose(self.settings, discover())
            return rules, selection.screen(self.settings, discover(), self.is_partial)
        except config.ConfigError as error:
            raise click.UsageError(str(error)) from None

    @property
    def rules(self) -> tuple[type[Rule[Any]], ...]:
        """The rules that run."""
        return self._chosen[0]

    @property
    def screen(self) -> Screen:
        """What is told of what they find."""
        return self._chosen[1]


def configured(command: Command) -> Command:
    """Gives a command the options that pick files and rules; it gets them as one `setup`."""

    @wraps(command)
    def unpacked(*arguments: Any, **given: Any) -> Any:
        mine = {name: given.pop(name) for name in signature(_setup).parameters if name in given}
        return command(*arguments, setup=_setup(**mine), **given)

    run: Command = unpacked
    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def _setup(
    paths: tuple[Path, ...],
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    preview: bool,
    exclude: tuple[str, ...],
    force_exclude: bool,
    no_respect_gitignore: bool,
    contract: Path | None,
    config_file: Path | None,
    isolated: bool,
    stdin_filename: Path | None = None,
) -> Setup:
    overlay: Mapping[Path, Source] = {}
    if STANDARD_INPUT in paths or stdin_filename is not None:
        if paths not in ((), (STANDARD_INPUT,)):
            raise click.UsageError("standard input is checked alone: give no other paths")
        paths = (stdin_filename or STANDARD_INPUT,)
        overlay = _standard_input(paths[0])
    else:
        paths = existing(paths)
    if isolated and config_file is not None:
        raise click.UsageError("--isolated and --config exclude each other")
    try:
        settings = config.Settings() if isolated else _settings(config_file, paths[0])
        settings = replace(
            settings,
            select=select or settings.select,
            extend_select=extend_select + (() if select else settings.extend_select),
            ignore=ignore + (() if select else tuple(i for i in settings.ignore if i not in extend_select)),
            preview=preview or settings.preview,
            exclude=settings.exclude + tuple(_rooted(glob, settings.root) for glob in exclude),
            force_exclude=force_exclude or settings.force_exclude,
            respect_gitignore=settings.respect_gitignore and not no_respect_gitignore,
        )
    except config.ConfigError as error:
        raise click.UsageError(str(error)) from None
    if contract is None and settings.contract is not None:
        contract = settings.path(settings.contract)
    return Setup(paths, settings, contract, overlay)


def _settings(config_file: Path | None, start: Path) -> config.Settings:
    found = config_file or config.find(start if start.is_dir() else start.absolute().parent)
    return config.Settings() if found is None else config.load(found)


def _rooted(glob: str, root: Path) -> str:
    """A glob of the command line, which starts from the current folder, as one that starts from `root`."""
    here = os.path.relpath(os.getcwd(), os.path.abspath(root))
    if here == "." or "/" not in glob.rstrip("/") or glob.startswith(("/", "*")):
        return glob
    return os.path.normpath(os.path.join(here, glob)).replace(os.sep, "/")


def _standard_input(path: Path) -> dict[Path, Source]:
    from policyfix import sources

    try:
        source = sources.decode(sys.stdin.buffer.read(), str(path))
    except sources.SourceError as error:
        raise click.UsageError(str(error)) from None
    return {path.absolute(): source}


def existing(given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths that were given, the current folder without any; a usage error for one that is missing."""
    for path in given:
        if not path.exists():
            raise click.UsageError(f"{path} does not exist")
    return given or (Path(),)
