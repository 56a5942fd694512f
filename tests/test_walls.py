"""The import walls of the house: what each room may know of the others.

Read off the sources, so that an import inside a function counts like one at the top, and proved once more
in processes where the forbidden packages cannot be imported.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import ROOT

MAPPED = ("rules", "codemods", "runtime")  # stand at the top of the tree, installed inside the package
HEAVY = {"torch", "tensordict"}

# From left to right: a module of the tool imports nothing that stands after it.
ORDER = (
    ("record", "late", "remembered"),
    ("contract", "knowledge", "contracts"),
    ("config", "aside"),
    ("sources",),
    ("index",),
    ("facts", "suppressions"),
    ("finding",),
    ("cache", "reader"),
    ("texts",),
    ("project",),
    ("values",),
    ("heap",),
    ("shapes",),
    ("trace",),
    ("flow",),
    ("subjects",),
    ("rule", "edits"),
    ("liveness", "imports"),
    ("codemod", "selection", "screen"),
    ("engine",),
    ("rewrite", "baselines", "explanation"),
    ("reports",),
    ("cli", "__main__"),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}

# What rules are written in: the subjects, and the data that subjects answer with.
VOCABULARY = {
    f"policyfix.{module}"
    for module in (
        "rule",
        "subjects",
        "trace",
        "flow",
        "values",
        "shapes",
        "project",
        "contract",
        "facts",
        "record",
        "remembered",
    )
}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: its absolute dotted name, and how the source spells it."""

    name: str
    path: Path
    line: int
    relative: bool
    typing_only: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.name}"


def installed_name(path: Path) -> str:
    """`rules/stamps/missing_stamps.py` -> `policyfix.rules.stamps.missing_stamps`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "policyfix" else ("policyfix", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def typing_only_lines(tree: ast.Module) -> set[int]:
    """Lines under `if TYPE_CHECKING:`: names for the type checker, nothing is loaded."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_bytes(), filename=str(path))
    quiet = typing_only_lines(tree)
    package = installed_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, path, node.lineno, False, node.lineno in quiet)
            case ast.ImportFrom(module=module, names=names, level=level):
                anchor = package[: len(package) - level + 1] if level else []
                base = ".".join([*anchor, *([module] if module else [])])
                for alias in names:
                    # `from policyfix import rule` imports the module policyfix.rule.
                    deeper = f"{base}.{alias.name}"
                    name = deeper if is_module(deeper) else base
                    yield Import(name, path, node.lineno, level > 0, node.lineno in quiet)
            case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]) if ast.unparse(func) in {
                "importlib.import_module",
                "import_module",
                "__import__",
            }:
                yield Import(name, path, node.lineno, name.startswith("."), False)


def is_module(name: str) -> bool:
    head, *rest = name.split(".")
    if head != "policyfix" or not rest:
        return False
    base = ROOT / rest[0] if rest[0] in MAPPED else ROOT / "policyfix" / rest[0]
    base = base.joinpath(*rest[1:])
    return base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def sources(*rooms: str) -> list[Path]:
    files = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    assert files, f"no sources under {rooms}"
    return files


def all_imports(*rooms: str) -> list[Import]:
    return [found for path in sources(*rooms) for found in imports_of(path)]


def test_the_runtime_imports_nothing_of_the_tool() -> None:
    outside = [
        found
        for found in all_imports("runtime")
        if within(found.name, {"policyfix"}) and not within(found.name, {"policyfix.runtime"})
    ]
    assert not outside, "\n".join(map(str, outside))


def test_only_the_runtime_imports_torch() -> None:
    heavy = [
        found for found in all_imports("policyfix", "rules", "codemods") if found.name.split(".")[0] in HEAVY
    ]
    assert not heavy, "\n".join(map(str, heavy))


def test_only_tests_of_the_runtime_import_torch() -> None:
    heavy = [
        found
        for found in all_imports("tests")
        if found.name.split(".")[0] in HEAVY
        and not found.path.is_relative_to(ROOT / "tests" / "runtime")
        and not found.path.is_relative_to(ROOT / "tests" / "data")
        and not found.path.is_relative_to(ROOT / "tests" / "rules")  # cases are read, never run
    ]
    assert not heavy, "\n".join(map(str, heavy))


def test_the_tool_reaches_the_runtime_only_to_verify() -> None:
    reaching = [
        found
        for found in all_imports("policyfix")
        if within(found.name, {"policyfix.runtime"}) and not within(found.name, {"policyfix.runtime.checker"})
    ]
    assert not reaching, "\n".join(map(str, reaching))


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("rules", VOCABULARY),
        (
            "codemods",
            VOCABULARY | {"policyfix.codemod", "policyfix.edits", "policyfix.imports", "policyfix.liveness"},
        ),
    ],
)
def test_rules_and_codemods_know_the_vocabulary_and_not_one_another(room: str, allowed: set[str]) -> None:
    strangers = [
        found
        for found in all_imports(room)
        if within(found.name, {"policyfix"}) and not within(found.name, allowed)
    ]
    assert not strangers, "\n".join(map(str, strangers))


def test_rules_commands_reports_and_the_runtime_know_no_syntax_tree() -> None:
    walking = [
        found
        for found in all_imports("rules", "runtime", "policyfix/cli", "policyfix/reports")
        if found.name.split(".")[0] == "libcst"
    ]
    assert not walking, "\n".join(map(str, walking))


def test_inside_mapped_rooms_imports_are_relative() -> None:
    # Absolute ones work once installed, but not for an editor that opens the tree.
    absolute = [
        found
        for room in MAPPED
        for found in all_imports(room)
        if within(found.name, {f"policyfix.{room}"}) and not found.relative
    ]
    assert not absolute, "\n".join(map(str, absolute))


def test_data_flows_from_left_to_right() -> None:
    backwards = []
    for found in all_imports("policyfix"):
        here = installed_name(found.path).split(".")[1:2]
        there = found.name.split(".")[1:2]
        if found.typing_only or not here or not there or there[0] in MAPPED:
            continue
        if not within(found.name, {"policyfix"}):
            continue
        assert here[0] in RANK, f"{found.path.relative_to(ROOT)}: a new room; give it its place in ORDER"
        assert there[0] in RANK, f"{found}: a new room; give it its place in ORDER"
        if RANK[there[0]] > RANK[here[0]]:
            backwards.append(found)
    assert not backwards, "\n".join(map(str, backwards))


def test_rules_and_codemods_are_discovered_never_named() -> None:
    named = [
        found
        for found in all_imports("policyfix")
        if within(found.name, {"policyfix.rules", "policyfix.codemods"})
        and found.name not in {"policyfix.rules", "policyfix.codemods"}
    ]
    assert not named, "\n".join(map(str, named))


def test_facts_do_no_input_or_output() -> None:
    doors = {
        *("os", "io", "pathlib", "subprocess", "shutil", "tempfile", "socket", "logging", "sys"),
        *("urllib", "importlib", "multiprocessing", "time", "random"),
    }
    opened = [str(found) for found in all_imports("policyfix/facts") if found.name.split(".")[0] in doors]
    called = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {node.func.id}"
        for path in sources("policyfix/facts")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "print", "input", "exec", "eval"}
    ]
    assert not opened + called, "\n".join(opened + called)


def run_without(blocked: set[str], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`policyfix ARGUMENTS` where importing a blocked package fails, in child processes too."""
    shadows = cwd / "shadows"
    shadows.mkdir()
    for name in blocked:
        missing = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (shadows / f"{name}.py").write_text(missing)
    return subprocess.run(
        [sys.executable, "-m", "policyfix", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(shadows)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("command", [[], ["check"], ["apply"], ["verify"], ["explain"]])
def test_help_needs_neither_torch_nor_libcst(command: list[str], tmp_path: Path) -> None:
    done = run_without({*HEAVY, "libcst", "numpy"}, *command, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Usage: policyfix" in done.stdout


def test_check_runs_where_torch_is_not_installed(tmp_path: Path) -> None:
    agents = ROOT / "examples" / "agents"
    done = run_without(HEAVY, "check", "--output-format", "json", str(agents), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert {"PF101", "PF205", "PF501"} <= {finding["code"] for finding in found["findings"]}
    assert found["errors"] == []


def test_check_does_not_execute_what_it_reads(tmp_path: Path) -> None:
    agent = (ROOT / "examples" / "agents" / "keeper.py").read_text()
    (tmp_path / "agent.py").write_text(agent + "\nopen('executed', 'w').close()\n")
    done = run_without(HEAVY, "check", "agent.py", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PF201" in done.stdout
    assert not (tmp_path / "executed").exists()


def test_verify_without_torch_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text("class Agent: ...\n")
    done = run_without(HEAVY, "verify", "agent.py::Agent", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "pip install 'policyfix[runtime]'" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_runtime_without_torch_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "try:\n"
        "    from policyfix.runtime import RecurrentPolicy\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    assert "pip install 'policyfix[runtime]'" in done.stdout
