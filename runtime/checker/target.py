"""Where a target lies and under which name it is imported. Reads the file's text; executes nothing."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class TargetError(Exception):
    """A target that cannot be found; the message says what was looked for and what to write instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """`class_name` in the module `module`; `root` precedes `sys.path`, `fallbacks` follow it.

    `file` and `root` are None for a target given by module name: it is imported as Python finds it.
    """

    module: str
    class_name: str
    file: Path | None = None
    root: Path | None = None
    fallbacks: tuple[Path, ...] = ()


def locate(text: str, search_path: Sequence[Path] = ()) -> Target:
    """The target in `path/to/file.py::Class` or `package.module:Class`.

    The source root of a file is, in this order: a folder of `search_path` that holds it, the parent from
    which the file's own absolute imports resolve, the nearest parent that is no package. Raises TargetError.
    """
    path, double_colon, class_name = text.rpartition("::")
    if double_colon:
        return _in_file(Path(path), class_name, search_path)
    module, colon, class_name = text.rpartition(":")
    if not (colon and module and class_name.isidentifier()) or module.endswith(".py"):
        raise TargetError(f"{text}: write the target as path/to/file.py::Class or package.module:Class")
    return Target(module, class_name)


def _in_file(path: Path, class_name: str, search_path: Sequence[Path]) -> Target:
    if not path.is_file():
        raise TargetError(f"{path}: no such file; give the path of the Python file that holds {class_name}")
    if path.suffix != ".py" or not class_name.isidentifier():
        raise TargetError(f"{path}::{class_name}: write the target as path/to/file.py::Class")
    file = path.resolve()
    try:
        tree = ast.parse(file.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise TargetError(f"{path}:{error.lineno}: not valid Python: {error.msg}") from None
    imports, level = _imports(tree)
    root = _given_root(file, search_path) or _root_of_imports(file, imports) or _outside_packages(file.parent)
    root = _wide_enough(file, root, level)
    missing = [name for name in imports if not _resolves(root, name)]
    fallbacks = {parent: None for name in missing for parent in file.parents if _resolves(parent, name)}
    name = ".".join(file.relative_to(root).with_suffix("").parts)
    return Target(name, class_name, file, root, tuple(fallbacks))


def _imports(tree: ast.Module) -> tuple[list[str], int]:
    """Modules that the file imports absolutely, and the highest level of its relative imports."""
    nodes = list(ast.walk(tree))
    absolute = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    absolute += [node.module for node in froms if node.module and not node.level]
    return absolute, max((node.level for node in froms), default=0)


def _resolves(root: Path, module: str) -> bool:
    """Whether the whole dotted name is a module file or a folder with Python files under `root`."""
    place = root.joinpath(*module.split("."))
    return place.with_name(f"{place.name}.py").is_file() or (place.is_dir() and any(place.glob("*.py")))


def _given_root(file: Path, search_path: Sequence[Path]) -> Path | None:
    folders = [folder.resolve() for folder in search_path]
    holders = [folder for folder in folders if file.is_relative_to(folder)]
    return max(holders, key=lambda folder: len(folder.parts), default=None)


def _root_of_imports(file: Path, imports: Sequence[str]) -> Path | None:
    """The parent that resolves imports of the file's own top-level package, else of its neighbours."""
    for parent in file.parents:
        own = file.relative_to(parent).parts[0]
        if own != file.name and any(
            name.split(".")[0] == own and _resolves(parent, name) for name in imports
        ):
            return parent
    beside = any(_resolves(file.parent, name) for name in imports)
    return file.parent if beside else None


def _outside_packages(folder: Path) -> Path:
    return next(p for p in (folder, *folder.parents) if not (p / "__init__.py").is_file())


def _wide_enough(file: Path, root: Path, level: int) -> Path:
    """`root`, or the parent that puts the file in as many packages as its relative imports climb."""
    needed = file.parents[min(level, len(file.parents) - 1)]
    return needed if root.is_relative_to(needed) else root
