"""Settings: `[tool.policyfix]` of a `pyproject.toml`, or a `policyfix.toml` of its own.

One table says all: the fields of `Settings` carry the JSON schema of their value and a line of help, and
parsing, the published schema and `policyfix config` read them off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

FORMATS = ("rich", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit")
OWN_FILE = "policyfix.toml"
SHARED_FILE = "pyproject.toml"

_STRINGS = {"type": "array", "items": {"type": "string"}}
_FLAG = {"type": "boolean"}
_PATH = {"type": "string"}


class ConfigError(Exception):
    """Settings that cannot be used; the message says what is wrong and where."""


def _option(schema: Mapping[str, Any], text: str, default: Any) -> Any:
    metadata = {"schema": schema, "help": text}
    if default == {}:
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project has decided. Globs and paths are relative to `root`."""

    select: tuple[str, ...] = _option(_STRINGS, "Rules that run, instead of all that are not preview.", ())
    extend_select: tuple[str, ...] = _option(_STRINGS, "Rules that run as well.", ())
    ignore: tuple[str, ...] = _option(_STRINGS, "Rules that do not run.", ())
    preview: bool = _option(_FLAG, "Let rules run that are not yet proven free of false alarms.", False)
    per_file_ignores: Mapping[str, tuple[str, ...]] = _option(
        {"type": "object", "additionalProperties": _STRINGS},
        "Rules that are silent in the files that a glob matches.",
        {},
    )
    severity: Mapping[str, str] = _option(
        {"type": "object", "additionalProperties": {"type": "string", "enum": ["error", "warning"]}},
        "How bad the findings of a rule are.",
        {},
    )
    exclude: tuple[str, ...] = _option(_STRINGS, "Globs of files and folders that are left out.", ())
    force_exclude: bool = _option(_FLAG, "Leave out excluded files even where they are named.", False)
    respect_gitignore: bool = _option(_FLAG, "Leave out what .gitignore files name.", True)
    require_reason: bool = _option(_FLAG, "Let a suppression count only with a reason after `--`.", False)
    contract: str | None = _option(_PATH, "The contract to check against (YAML).", None)
    policies: tuple[str, ...] = _option(
        _STRINGS, "Classes that are policies of the contract's trainer, whatever their source shows.", ()
    )
    baseline: str | None = _option(_PATH, "The findings that are known and not reported (JSON).", None)
    output_format: str | None = _option(
        {"type": "string", "enum": list(FORMATS)},
        "How findings are shown: unless it is said, rich on a terminal and concise elsewhere.",
        None,
    )
    source: Path | None = None  # the file that says so, where there is one
    root: Path = Path()

    def path(self, name: str) -> Path:
        """A path that the settings name."""
        return self.root / name

    def of(self, key: str) -> str:
        """How an option is called in messages: with its file, where it stands in one."""
        return key if self.source is None else f"{self.source}: {key}"


OPTIONS = {f.name.replace("_", "-"): f for f in fields(Settings) if f.metadata}


def load(path: Path) -> Settings:
    """The settings of one file; the defaults where a `pyproject.toml` says nothing. Raises `ConfigError`."""
    found = _table(path)
    return Settings() if found is None else parse(found, path)


def find(start: Path) -> Path | None:
    """The nearest file with settings, from a file or folder upwards; of two in one folder, our own."""
    folder = start.absolute()
    for each in (folder, *folder.parents):
        if (own := each / OWN_FILE).is_file():
            return own
        shared = each / SHARED_FILE
        if shared.is_file() and _speaks_of_us(shared):
            return shared
    return None


def _speaks_of_us(path: Path) -> bool:
    try:
        data = path.read_bytes()
    except OSError:
        return False
    # A file that is not TOML is reported where it may be ours; elsewhere it is nobody's business.
    return b"policyfix" in data and _table(path) is not None


def _table(path: Path) -> Mapping[str, Any] | None:
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if path.name != SHARED_FILE:
        return document
    tools = document.get("tool", {})
    table = tools.get("policyfix") if isinstance(tools, dict) else None
    if table is None or isinstance(table, dict):
        return table
    raise ConfigError(f"{path}: tool.policyfix: expected a table, found {table!r}")


def parse(table: Mapping[str, Any], path: Path) -> Settings:
    """Settings from a parsed table. Raises `ConfigError` for a wrong key or value."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        option = OPTIONS.get(key)
        if option is None:
            raise ConfigError(f"{path}: there is no setting {key!r}{did_you_mean(key, OPTIONS)}")
        if (wrong := _mismatch(value, option.metadata["schema"], key)) is not None:
            raise ConfigError(f"{path}: {wrong}")
        values[option.name] = _frozen(value)
    return replace(Settings(), **values, source=path, root=path.absolute().parent)


def _mismatch(value: Any, schema: Mapping[str, Any], key: str) -> str | None:
    """What is wrong with a value, for the four kinds of schema that the options use."""
    wanted, kind = _KINDS[schema["type"]]
    if not isinstance(value, kind):
        return f"{key}: expected {wanted}, found {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(schema["enum"])
        return f"{key}: {value!r} is none of {choices}{did_you_mean(value, schema['enum'])}"
    inner: Iterable[tuple[str, Any, Any]] = ()
    if isinstance(value, list):
        inner = ((f"{key}[{i}]", v, schema["items"]) for i, v in enumerate(value))
    elif isinstance(value, dict):
        inner = ((f"{key}.{k!r}", v, schema["additionalProperties"]) for k, v in value.items())
    return next((wrong for k, v, s in inner if (wrong := _mismatch(v, s, k)) is not None), None)


_KINDS: dict[str, tuple[str, Any]] = {
    "array": ("a list of strings", list),
    "boolean": ("true or false", bool),
    "object": ("a table", dict),
    "string": ("a string", str),
}


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return {k: _frozen(v) for k, v in value.items()} if isinstance(value, dict) else value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where something known is spelled much the same, else nothing."""
    import difflib  # most runs have nothing to guess

    spelled = {each.lower(): each for each in known}
    lowered = word.lower()
    # One letter typed for another, first: PF1O1 is PF101, however alike PF511 may be as a sequence.
    close = [each for each in spelled if len(each) == len(lowered) and _differences(each, lowered) == 1]
    close += difflib.get_close_matches(lowered, spelled, n=1)
    return f"; did you mean {spelled[close[0]]}?" if close else ""


def _differences(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def schema() -> dict[str, Any]:
    """The JSON schema of a `policyfix.toml` and of `[tool.policyfix]`."""
    defaults = as_json(Settings())
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "policyfix",
        "description": "Settings of policyfix: [tool.policyfix] of a pyproject.toml, or a policyfix.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key: {
                "description": option.metadata["help"],
                **option.metadata["schema"],
                **({} if defaults[key] is None else {"default": defaults[key]}),
            }
            for key, option in OPTIONS.items()
        },
    }


def as_json(settings: Settings) -> dict[str, Any]:
    """Every option and its value, under the name that it has in a file."""
    return {key: _plain(getattr(settings, option.name)) for key, option in OPTIONS.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, Mapping) else value
