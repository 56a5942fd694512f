"""What earlier runs learnt, kept on disk: headers and facts of files, and whole results.

No answer depends on it: what cannot be read back is found out again. It lies in the user's own cache folder,
never in the project, because entries are pickles: one that came with somebody's repository could run code.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from policyfix.finding import Result

if TYPE_CHECKING:
    from policyfix.texts import Grounds

try:
    from _blake2 import blake2b  # hashlib loads OpenSSL first, which takes longer than what is hashed here
except ImportError:
    from hashlib import blake2b

KEPT_DAYS = 30  # unused entries are dropped then
SETTLED = 0.1  # seconds: a file that changed less long ago may change again without its times telling

# What pickle raises for what is no entry, or one of other classes.
_UNREADABLE = (
    OSError,
    pickle.PickleError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    TypeError,
    ValueError,
)

T = TypeVar("T")

# Time of last write and of last change, size, inode; None where there is no such file.
Stat = tuple[int, int, int, int]


def stat(path: str | Path) -> Stat | None:
    """What tells whether a file is still the one that was read."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def default_folder() -> Path:
    """`policyfix` in the user's cache folder."""
    system = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return Path(system or Path.home() / ".cache", "policyfix")


def digest(*parts: object) -> str:
    """A name for what is the same every time; bytes count as they are, all else as it is printed."""
    name = blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode(errors="surrogatepass")
        name.update(b"%d:" % len(data))
        name.update(data)
    return name.hexdigest()


def _tool() -> str:
    """Changes with the tool's own files, the interpreter, and the installation of any package (rules come in
    packages too)."""
    own = sorted(
        (place, stat(place))
        for top in _folders_of_the_tool()
        for folder, _, files in os.walk(top)
        for file in files
        if file.endswith((".py", ".pyi", ".yaml"))
        for place in (os.path.join(folder, file),)
    )
    installed = [(p, stat(p)) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    return digest(own, installed, sys.version)


def _folders_of_the_tool() -> list[str]:
    from importlib.util import find_spec

    names = ("policyfix", "policyfix.rules", "policyfix.codemods")
    return [p for name in names if (spec := find_spec(name)) for p in spec.submodule_search_locations or ()]


class Cache:
    """Entries by name, for one state of the tool and one contract."""

    def __init__(self, folder: Path, contract: bytes) -> None:
        self._root = folder
        self._folder = folder / digest(_tool(), contract)
        self.failure: str | None = None  # why nothing can be kept

    def holds(self, name: str) -> bool:
        return (self._folder / name).exists()

    def load(self, name: str) -> Any:
        """The entry of that name, or None."""
        try:
            return pickle.loads((self._folder / name).read_bytes())
        except _UNREADABLE:
            return None

    def recalled(self, name: str, make: Callable[[], T]) -> T:
        """The entry of that name; made, and kept unless it is None, where there is none."""
        entry: T | None = self.load(name)
        if entry is not None:
            return entry
        made = make()
        if made is not None:
            self.keep(name, made)
        return made

    def keep(self, name: str, entry: object) -> None:
        """Writes an entry, whole or not at all. A cache that cannot be written is no error: nothing more is
        kept then, and `failure` says why."""
        if self.failure is not None:
            return
        place = self._folder / name
        beside = place.with_name(f"{place.name}.{os.getpid()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(pickle.dumps(entry, protocol=pickle.HIGHEST_PROTOCOL))
            beside.replace(place)
        except OSError as error:
            self.failure = error.strerror or str(error)
            with contextlib.suppress(OSError):
                beside.unlink()

    def recall(self, question: str, files: list[str]) -> tuple[Result, list[str]] | None:
        """The result of the same question about the same files, and those of them that have changed since;
        None where something else has that the answer came from."""
        kept = self.load(f"run-{question}")
        if kept is None:
            return None
        result, read, others = kept
        if files != [file for file, _ in read] or any(stat(path) != known for path, known in others):
            return None
        result.inputs = {file for file, _ in others}
        return result, [file for file, known in read if stat(file) != known]

    def grounds(self, question: str) -> Grounds | None:
        """What the result of that question rests on."""
        return self.load(f"grounds-{question}")  # type: ignore[no-any-return]

    def remember(self, question: str, files: Iterable[str], result: Result, since: float) -> None:
        """Keeps a result for `recall`, unless it is one of errors; `since` is when the check began."""
        read = [(file, stat(file)) for file in files]
        others = [(file, stat(file)) for file in result.inputs]
        newest = max((s[1] for _, s in (*read, *others) if s is not None), default=0)
        if result.problems or newest > (since - SETTLED) * 1e9:
            return
        plain = Result(result.findings, [], result.files)
        self.keep(f"run-{question}", (plain, read, others))
        if result.grounds is not None:
            self.keep(f"grounds-{question}", result.grounds)
        self._prune()

    def _prune(self) -> None:
        """Drops what no run has used for a while."""
        import shutil  # most runs do not come here

        old = time.time() - KEPT_DAYS * 86_400
        with contextlib.suppress(OSError):
            os.utime(self._folder)
            for folder in self._root.iterdir():
                if folder.stat().st_mtime < old:
                    shutil.rmtree(folder, ignore_errors=True)
