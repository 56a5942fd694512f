"""Which files, and how they are decoded."""

from __future__ import annotations

import io
import os
import re
import stat
import tokenize
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from policyfix.record import record

SUFFIXES = (".py", ".pyi")
HEAD = 2_000  # characters among which a file says that it is generated
CONFIG_SUFFIXES = (".yaml", ".yml")
SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "__pypackages__", "build", "dist", "node_modules", "site-packages", "venv"}
)

_MOST_FOLDERS = 5_000  # that are looked through around the given paths

_MARKS_OF_A_PROJECT = (".git", "pyproject.toml", "policyfix.toml", "setup.py", "setup.cfg")


class SourceError(Exception):
    """A file that cannot be read, decoded or parsed. `line` is 1-based, or None where it has no place."""

    def __init__(self, path: str, reason: str, line: int | None = None) -> None:
        super().__init__(f"{path}{'' if line is None else f':{line}'}: {reason}")
        self.path = path
        self.reason = reason
        self.line = line


@record()
class Source:
    """One file: its path as the user gave it, its bytes, and how they decode."""

    path: str
    data: bytes
    text: str
    encoding: str  # as `tokenize.detect_encoding` names it; "utf-8-sig" where a byte order mark stands

    @property
    def is_generated(self) -> bool:
        """Whether a comment at its top says that a tool wrote it: it is checked, but never rewritten."""
        return any(line.startswith("#") and "@generated" in line for line in self.text[:HEAD].splitlines())

    def lines(self) -> list[str]:
        """The lines without their ends. Unlike for `str.splitlines`, a form feed ends none."""
        return re.split(r"\r\n|\r|\n", self.text)


@dataclass(slots=True)
class Selection:
    """The files that are to be read, and the folders that could not be listed."""

    files: list[Path] = field(default_factory=list)
    unreadable: list[SourceError] = field(default_factory=list)


@record()
class Walk:
    """Which files under a folder are ours. `exclude` holds globs for files and folders, as names or as paths
    relative to `root`. What is named itself is taken, whatever its suffix, unless `force_exclude` is on."""

    exclude: tuple[str, ...] = ()
    root: Path = Path()
    force_exclude: bool = False
    respect_gitignore: bool = True

    def excludes(self, path: Path) -> bool:
        """Whether a file or folder is excluded, or stands in a folder that is."""
        return bool(self.exclude) and matches(path, self.exclude, self.root)

    def stops_at(self, path: str) -> bool:
        """Whether what is met on the way is excluded. Folders above it are not asked: one that is given is
        walked, excluded or not."""
        return bool(self.exclude) and matches(Path(path), self.exclude, self.root, above=False)


def discover(paths: Iterable[Path], walk: Walk = Walk()) -> Selection:  # noqa: B008 - frozen
    """Python files and agent configs under the paths, sorted within each, each once."""
    selection = Selection()
    seen: set[str] = set()
    for path in paths:
        if walk.force_exclude and walk.excludes(path):
            continue
        top = str(path)
        real = os.path.realpath(top)
        found = [(top, False)]
        if path.is_dir():
            found = [
                (entry.path, entry.is_symlink())
                for _, entries in _walk(top, walk, selection.unreadable)
                for entry in entries
                if entry.name.endswith(SUFFIXES) or _describes_an_agent(entry.path)
            ]
            found.sort(key=lambda each: each[0].split(os.sep))  # folder by folder, as paths compare
        for place, is_link in found:
            key = os.path.realpath(place) if is_link else real + place[len(top) :]
            if key not in seen:
                seen.add(key)
                selection.files.append(Path(place))
    return selection


def _walk(
    top: str, walk: Walk, unreadable: list[SourceError]
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Folders, and their files with names like those of ours."""
    ignored = _Ignored(Path(top)) if walk.respect_gitignore else None
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listed:
                entries = list(listed)
        except OSError as error:
            unreadable.append(SourceError(str(error.filename), f"cannot be listed: {error.strerror}"))
            continue
        if ignored is not None:
            ignored.enter(folder, [entry.name for entry in entries])
        files = []
        for entry in entries:
            name, place = entry.name, entry.path
            is_folder = _is_folder(entry)
            if is_folder:
                if name.startswith(".") or name in SKIPPED_FOLDERS or entry.is_symlink():
                    continue
            elif not name.endswith(SUFFIXES + CONFIG_SUFFIXES):
                continue
            if walk.stops_at(place) or (ignored is not None and ignored.holds(place, is_folder)):
                continue
            if is_folder:
                folders.append(place)
            else:
                files.append(entry)
        yield folder, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _describes_an_agent(place: str) -> bool:
    """Whether a YAML file may be an agent config; most are none, and are not ours to count."""
    try:
        with open(place, "rb", buffering=0) as file:  # there are as many as Python files
            data = file.read()
    except OSError:
        return False
    return b"_target_:" in data and b"components:" in data


def is_config(path: Path) -> bool:
    return path.name.endswith(CONFIG_SUFFIXES)


def left_out(path: Path, walk: Walk) -> str | None:
    """Why a walk from `walk.root` on passes a file over; None where it does not."""
    if walk.excludes(path):
        return "the settings exclude it"
    relative = os.path.relpath(os.path.abspath(path), os.path.abspath(walk.root))
    inner = [part for part in Path(relative).parts[:-1] if part != ".."]
    for part in inner:
        if part.startswith(".") or part in SKIPPED_FOLDERS:
            return f"folders called {part} are passed over"
    if is_config(path):
        if not _describes_an_agent(str(path)):
            return "it describes no agent: it has no components with a _target_"
    elif not path.name.endswith(SUFFIXES):
        return f"it ends with none of {', '.join(SUFFIXES)}"
    if walk.respect_gitignore and not relative.startswith(".."):
        ignored, folder = _Ignored(walk.root), walk.root
        for part in ("", *inner):
            folder = folder / part
            ignored.enter(str(folder), [".gitignore"])
            if folder != walk.root and ignored.holds(str(folder), is_folder=True):
                return f".gitignore names {folder}"
        if ignored.holds(str(path), is_folder=False):
            return ".gitignore names it"
    return None


def matches(path: Path, globs: tuple[str, ...], root: Path, above: bool = True) -> bool:
    """Whether a glob matches a path, or with `above` a folder that it stands in: by name or from `root`."""
    absolute = os.path.abspath(path)
    relative = os.path.relpath(absolute, os.path.abspath(root))
    shown = Path(absolute if relative.startswith("..") else relative)
    chain = (shown, *shown.parents[:-1]) if above and not shown.is_absolute() else (shown,)
    return any(
        fnmatch(part.name, g) or fnmatch(part.as_posix(), g.rstrip("/").removeprefix("**/"))
        for part in chain
        for g in globs
    )


def project_root(path: Path) -> Path:
    """The nearest folder above a file that looks like the top of a project; else the one it lies in."""
    folders = path.absolute().parents
    tops = (f for f in folders if any((f / mark).exists() for mark in _MARKS_OF_A_PROJECT))
    return next(tops, folders[0])


def around(paths: Iterable[Path], walk: Walk) -> tuple[list[str], list[str]]:
    """Python files and folders of the repositories in which the paths lie: what the given files import may
    stand beside them. None of a repository that is given whole, or that has thousands of folders."""
    given = {path.absolute() for path in paths}
    tops = {top for path in given if (top := repository(path)) is not None}
    files: list[str] = []
    folders: list[str] = []
    for top in tops - given:
        for folder, entries in _walk(str(top), walk, []):
            folders.append(folder)
            if len(folders) == _MOST_FOLDERS:
                return [], []
            files += [entry.path for entry in entries if entry.name.endswith(".py")]
    return files, folders


def repository(path: Path) -> Path | None:
    """The nearest folder above with a `.git`; without one the outermost that looks like a project's top."""
    outermost = None
    for folder in (path, *path.parents):
        if (folder / ".git").exists():
            return folder
        if any((folder / mark).exists() for mark in _MARKS_OF_A_PROJECT):
            outermost = folder
    return outermost


class _Ignored:
    """What the `.gitignore` files of a tree say, from the top of its repository down; the deepest decides."""

    def __init__(self, folder: Path) -> None:
        self._specs: list[tuple[str, list[_Pattern]]] = []
        self._absolute = cache(os.path.abspath)  # of folders
        top = os.path.abspath(folder)
        above = []
        for parent in Path(top).parents if not os.path.exists(os.path.join(top, ".git")) else ():
            above.append(parent)
            if (parent / ".git").exists():
                break
        else:
            above = []  # no repository: nothing above the folder is about it
        for parent in reversed(above):
            self._read(str(parent))
        within = [Path(top), *above[:-1]]
        if any(self.holds(str(each), is_folder=True) for each in within):
            self._specs.clear()  # ignored, and yet given: then it is wanted

    def enter(self, root: str, files: list[str]) -> None:
        if ".gitignore" in files:
            self._read(os.path.abspath(root))

    def _read(self, folder: str) -> None:
        try:
            lines = Path(folder, ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        patterns = [pattern for line in lines if (pattern := _pattern(line)) is not None]
        self._specs.append((os.path.join(folder, ""), patterns))

    def holds(self, path: str, is_folder: bool) -> bool:
        """Whether a file or a folder is ignored itself."""
        if not self._specs:
            return False
        above, name = os.path.split(path)
        absolute = os.path.join(self._absolute(above), name)
        for folder, patterns in reversed(self._specs):
            if absolute.startswith(folder):
                inner = absolute[len(folder) :].replace(os.sep, "/")
                for pattern in reversed(patterns):
                    if (is_folder or not pattern.folders_only) and pattern.regex.fullmatch(inner):
                        return pattern.ignores
        return False


@record()
class _Pattern:
    """One line of a `.gitignore`."""

    regex: re.Pattern[str]
    ignores: bool  # not so after `!`
    folders_only: bool


_WILDCARD = re.compile(r"/\*\*/|^\*\*/|/\*\*$|\*+|\?|\[(?:!|\^)?\]?(?:\\.|[^\]\\])*\]|\\.|.", re.S)


def _pattern(line: str) -> _Pattern | None:
    """A line of a `.gitignore`, as git reads it; None where it says nothing."""
    text = re.sub(r"(?<!\\)\s+$", "", line)
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text.removeprefix("!")
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    anywhere = "/" not in text
    regex = "".join(_translated(part) for part in _WILDCARD.findall(text.removeprefix("/")))
    try:
        return _Pattern(re.compile(("(?:.*/)?" if anywhere else "") + regex), ignores, folders_only)
    except re.error:  # a range that runs backwards matches nothing
        return None


def _translated(part: str) -> str:
    if part in ("/**/", "**/", "/**"):
        return {"/**/": "/(?:.*/)?", "**/": "(?:.*/)?", "/**": "/.+"}[part]
    if part.startswith("*"):
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith("[") and len(part) > 1:
        negated = part[1] in "!^"
        return f"(?!/)[{'^' if negated else ''}{part[2 if negated else 1 : -1].replace('[', chr(92) + '[')}]"
    return re.escape(part.removeprefix("\\") or part)


def read(path: Path) -> Source:
    """The decoded file, by its byte order mark or PEP 263 line, else UTF-8. Raises `SourceError`."""
    if path.suffix == ".ipynb":
        raise SourceError(str(path), "is a notebook: export it to a .py file and check that")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe takes until somebody writes to it
            raise SourceError(str(path), "is not a regular file")
        with open(path, "rb", buffering=0) as file:
            data = file.read()
    except OSError as error:
        raise SourceError(str(path), f"cannot be read: {error.strerror or error}") from error
    return decode(data, str(path))


def decode(data: bytes, path: str) -> Source:
    """Bytes to text; line endings stay as they are. Raises `SourceError`."""
    try:
        # Nearly all files say nothing of it in their first two lines, and are found out to be UTF-8 or not.
        head = data[: data.find(b"\n", data.find(b"\n") + 1) + 1 or None]
        if b"coding" in head or head.startswith(BOM_UTF8):
            encoding, _ = tokenize.detect_encoding(io.BytesIO(head).readline)
        else:
            encoding = "utf-8"
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(
            path, f"cannot be decoded: {error}; declare its encoding in the first line or save it as UTF-8"
        ) from error
    if "\0" in text:
        raise SourceError(path, "holds null bytes: this is not Python source")
    return Source(path, data, text, encoding)
