"""The imports of a source text: those that an edit needs, and those that nothing needs after it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator

import libcst as cst

from policyfix.edits import Edit, Refusal, SourceTree, apply
from policyfix.remembered import remembered

_ANNOTATION = re.compile(r"[\w.]+([\[\], |]+[\w.]+)*\]*")  # a string that may name types


def is_imported(tree: SourceTree, module: str) -> bool:
    """Whether the file has `import module` at its top."""
    return any(
        isinstance(small, cst.Import)
        and any(alias.evaluated_name == module and alias.asname is None for alias in small.names)
        for _, small in _leading(tree)
    )


def import_name(tree: SourceTree, module: str, name: str) -> Edit | Refusal | None:
    """`from module import name` in the imports at the top of the file; None where it is there already."""
    other = _bound_otherwise(tree, module, name)
    if other is not None:
        return Refusal(other)
    leading = list(_leading(tree))
    same = [
        (statement, small, small.names)
        for statement, small in leading
        if isinstance(small, cst.ImportFrom)
        and not isinstance(small.names, cst.ImportStar)
        and not small.relative
        and _module_name(small) == module
    ]
    if any(a.evaluated_name == name and a.asname is None for *_, names in same for a in names):
        return None
    for statement, small, names in same:
        if small.lpar is None and all(alias.asname is None for alias in names):
            ordered = sorted([*(a.evaluated_name for a in names), name], key=_import_order)
            return Edit(tree.span(names[0])[0], tree.span(names[-1])[1], ", ".join(ordered))
        return tree.insert_after(statement, [f"from {module} import {name}"])
    return _line(tree, f"from {module} import {name}", module, leading)


def _line(
    tree: SourceTree,
    line: str,
    module: str,
    leading: list[tuple[cst.SimpleStatementLine, cst.Import | cst.ImportFrom]],
) -> Edit:
    """An import of an installed package: in order among those, else between the standard library's and
    the project's own."""
    foreign = [(s, n) for s, n in leading if _section(n) == 1]
    after = [s for s, n in foreign if isinstance(n, cst.ImportFrom) and _module_name(n) > module]
    if after:
        return tree.insert_before(after[0], [line])
    if foreign:
        return tree.insert_after(foreign[-1][0], [line])
    own = [s for s, n in leading if _section(n) == 2]
    if own:
        return tree.insert_before(own[0], [line, ""])
    if leading:
        return tree.insert_after(leading[-1][0], ["", line])
    body = tree.module.body
    if body and tree.module.get_docstring() is not None:
        return tree.insert_after(body[0], ["", line])
    start = tree.whole(body[0])[0] if body else len(tree.text)
    return Edit(start, start, line + tree.newline * 3)


def _leading(tree: SourceTree) -> Iterator[tuple[cst.SimpleStatementLine, cst.Import | cst.ImportFrom]]:
    """The imports above the first definition."""
    for statement in tree.module.body:
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            return
        if isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                if isinstance(small, (cst.Import, cst.ImportFrom)):
                    yield statement, small


@remembered
def _at_module_level(tree: SourceTree) -> list[cst.CSTNode]:
    """Nodes that run when the module does: not those inside functions and classes."""
    found: list[cst.CSTNode] = []
    todo: list[cst.CSTNode] = list(tree.module.body)
    while todo:
        node = todo.pop()
        found.append(node)
        if not isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            todo.extend(node.children)
    return found


def _bound_otherwise(tree: SourceTree, module: str, name: str) -> str | None:
    """Why a name at the top of the file would mean something else than the import, if it would."""
    for node in _at_module_level(tree):
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.name.value == name:
            return f"the file defines another {name}"
        if isinstance(node, cst.AssignTarget) and tree.code(node.target) == name:
            return f"the file assigns another {name}"
        if isinstance(node, (cst.Import, cst.ImportFrom)) and not isinstance(node.names, cst.ImportStar):
            origin = _module_name(node) if isinstance(node, cst.ImportFrom) else ""
            same = isinstance(node, cst.ImportFrom) and not node.relative and origin == module
            for alias in node.names:
                bound = alias.evaluated_alias or alias.evaluated_name
                if bound == name and not (same and alias.evaluated_name == name):
                    return f"the file imports another {name}"
    return None


def unused_imports(tree: SourceTree, edits: Iterable[Edit]) -> list[Edit]:
    """The removal of imports that only the edited code used."""
    edits = list(edits)
    used_before, used_after = _dotted_names(tree.text), _dotted_names(apply(tree.text, edits))
    unused: list[cst.SimpleStatementLine] = []
    for statement in tree.module.body:
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            continue
        small = statement.body[0]
        comment = statement.trailing_whitespace.comment
        if not isinstance(small, (cst.Import, cst.ImportFrom)) or comment is not None:
            continue
        if isinstance(small.names, cst.ImportStar) or len(small.names) != 1:
            continue  # one name of several stays: its line may be laid out by hand
        if isinstance(small, cst.ImportFrom) and _module_name(small) == "__future__":
            continue
        alias = small.names[0]
        name = alias.evaluated_alias or alias.evaluated_name
        if name in used_before and name not in used_after:
            unused.append(statement)
    inserted = sorted({edit.start for edit in edits})
    return [part for removal in tree.delete(unused, inserted) for part in _split(removal, inserted)]


def _split(removal: Edit, offsets: list[int]) -> Iterator[Edit]:
    """A removal in parts, so that what is inserted at one of the offsets finds its place between them."""
    start = removal.start
    for offset in offsets:
        if start < offset < removal.end:
            yield Edit(start, offset, "")
            start = offset
    yield Edit(start, removal.end, "")


def _module_name(node: cst.ImportFrom) -> str:
    return "" if node.module is None else cst.Module([]).code_for_node(node.module)


def _section(node: cst.Import | cst.ImportFrom) -> int:
    """Where import sorters put it: 0 the standard library, 1 installed packages, 2 the package itself."""
    if isinstance(node, cst.ImportFrom):
        if node.relative:
            return 2
        origin = _module_name(node)
    else:
        origin = node.names[0].evaluated_name
    return 0 if origin.partition(".")[0] in sys.stdlib_module_names else 1


def _import_order(name: str) -> tuple[int, str]:
    """Constants, classes, the rest: as isort and ruff order names."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


def _dotted_names(text: str) -> set[str]:
    """Every dotted name in the code outside imports, with all its prefixes; names in strings too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        dotted = _dotted(node)
        if dotted is not None:
            names.add(dotted)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _ANNOTATION.fullmatch(node.value)
        ):
            names.update(re.findall(r"[\w.]+", node.value))
    return names


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        prefix = _dotted(node.value)
        return None if prefix is None else f"{prefix}.{node.attr}"
    return None
