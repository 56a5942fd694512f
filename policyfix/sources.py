"""Which files, and how they are decoded."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

SUFFIXES = (".py", ".pyi")
SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "__pypackages__", "build", "dist", "node_modules", "site-packages", "venv"}
)


class SourceError(Exception):
    """A file that cannot be read, decoded or parsed. `line` is 1-based, or None where it has no place."""

    def __init__(self, path: str, reason: str, line: int | None = None) -> None:
        super().__init__(f"{path}{'' if line is None else f':{line}'}: {reason}")
        self.path = path
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path as the user gave it, its bytes, and how they decode."""

    path: str
    data: bytes
    text: str
    encoding: str  # as `tokenize.detect_encoding` names it; "utf-8-sig" where a byte order mark stands

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(slots=True)
class Selection:
    """The files that are to be read, and the folders that could not be listed."""

    files: list[Path] = field(default_factory=list)
    unreadable: list[SourceError] = field(default_factory=list)


def discover(paths: Iterable[Path], exclude: Iterable[str] = ()) -> Selection:
    """Python files under the paths, sorted within each, each once. A file that is named is taken whatever its
    suffix. `exclude` holds globs for files and folders, as paths or as names.
    """
    excluded = tuple(exclude)
    selection = Selection()
    seen: set[str] = set()
    for path in paths:
        found = sorted(_walk(path, excluded, selection.unreadable)) if path.is_dir() else [path]
        for file in found:
            key = os.path.realpath(file)
            if key not in seen and not _matches(file, excluded):
                seen.add(key)
                selection.files.append(file)
    return selection


def _walk(folder: Path, excluded: tuple[str, ...], unreadable: list[SourceError]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        unreadable.append(SourceError(str(error.filename), f"cannot be listed: {error.strerror}"))

    for root, folders, files in os.walk(folder, onerror=note):
        folders[:] = [
            f
            for f in folders
            if not f.startswith(".") and f not in SKIPPED_FOLDERS and not _matches(Path(root, f), excluded)
        ]
        yield from (Path(root, name) for name in files if name.endswith(SUFFIXES))


def _matches(path: Path, globs: tuple[str, ...]) -> bool:
    return any(fnmatch(path.name, g) or fnmatch(path.as_posix(), g.rstrip("/")) for g in globs)


def read(path: Path) -> Source:
    """The decoded file, by its byte order mark or PEP 263 line, else UTF-8. Raises `SourceError`."""
    if path.exists() and not path.is_file():
        raise SourceError(str(path), "is not a regular file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(str(path), f"cannot be read: {error.strerror or error}") from error
    return decode(data, str(path))


def decode(data: bytes, path: str) -> Source:
    """Bytes to text; line endings stay as they are. Raises `SourceError`."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(
            path, f"cannot be decoded: {error}; declare its encoding in the first line or save it as UTF-8"
        ) from error
    if "\0" in text:
        raise SourceError(path, "holds null bytes: this is not Python source")
    return Source(path, data, text, encoding)
