"""Wheel, sdist and editable install hold every module of the tree, inside `policyfix` and nowhere else."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from checkout import ROOT, copy_checkout

# Folders of the tree and the package each is installed as.
ROOMS = {
    "policyfix": "policyfix",
    "rules": "policyfix/rules",
    "codemods": "policyfix/codemods",
    "runtime": "policyfix/runtime",
}


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shipped(root: Path) -> dict[str, bytes]:
    """What the tree promises to ship: installed path -> content."""
    return {
        str(PurePosixPath(target, *path.relative_to(root / room).parts)): path.read_bytes()
        for room, target in ROOMS.items()
        for path in (root / room).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def wheel_contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def without_metadata(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in contents.items() if ".dist-info/" not in name}


def module_names(root: Path) -> list[str]:
    """Every module of the tree by its installed dotted name; a `__main__` is run, not imported."""
    paths = (PurePosixPath(name) for name in shipped(root) if name.endswith(".py"))
    dotted = (path.parent if path.name == "__init__.py" else path.with_suffix("") for path in paths)
    return sorted(".".join(path.parts) for path in dotted)


@pytest.fixture(scope="module")
def source_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("source") / "policyfix")


@pytest.fixture(scope="module")
def built(source_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that is built *from the sdist*."""
    out = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source_copy)
    return out


@pytest.fixture(scope="module")
def wheel_from_tree(source_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("from_tree")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, source_copy)
    return next(out.glob("*.whl"))


def test_the_wheel_is_the_tree(wheel_from_tree: Path) -> None:
    tree, wheel = shipped(ROOT), without_metadata(wheel_contents(wheel_from_tree))
    missing, foreign = sorted(tree.keys() - wheel.keys()), sorted(wheel.keys() - tree.keys())
    assert not missing, f"not in the wheel (packages and package-data of pyproject.toml): {missing}"
    assert not foreign, f"in the wheel, but not in the tree: {foreign}"
    assert wheel == tree
    for needed in ("policyfix/py.typed", "policyfix/contracts/metta.yaml", "policyfix/runtime/__init__.py"):
        assert needed in wheel


def test_nothing_lands_outside_policyfix(wheel_from_tree: Path) -> None:
    tops = {PurePosixPath(name).parts[0] for name in wheel_contents(wheel_from_tree)}
    version = wheel_from_tree.name.split("-")[1]
    assert tops == {"policyfix", f"policyfix-{version}.dist-info"}


def test_the_wheel_says_what_it_is(wheel_from_tree: Path) -> None:
    contents = wheel_contents(wheel_from_tree)
    info = next(name for name in contents if name.endswith(".dist-info/METADATA")).removesuffix("METADATA")
    metadata = contents[info + "METADATA"].decode()
    assert contents[info + "licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert "policyfix = policyfix.cli:main" in contents[info + "entry_points.txt"].decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    unconditional = [line for line in required if "extra ==" not in line]
    assert not [line for line in unconditional if "torch" in line or "tensordict" in line]
    assert not [line for line in required if "libcst" in line and "<" in line]
    assert not [line for line in required if "torch" in line and ("==" in line.split(";")[0] or "<" in line)]


def test_the_sdist_rebuilds_the_same_wheel(built: Path, wheel_from_tree: Path) -> None:
    assert without_metadata(wheel_contents(next(built.glob("*.whl")))) == without_metadata(
        wheel_contents(wheel_from_tree)
    )


def test_the_sdist_holds_the_sources_where_the_tree_has_them(built: Path) -> None:
    sdist = next(built.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        names = {PurePosixPath(*PurePosixPath(name).parts[1:]).as_posix() for name in archive.getnames()}
    wanted = {path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert wanted | {"pyproject.toml", "LICENSE", "README.md"} <= names


def test_an_editable_install_imports_every_module_from_the_tree(source_copy: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # The dependencies of this environment, without its own editable install: a path in a .pth file
    # puts that folder on sys.path but does not execute the .pth files in it.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"),
        *("--no-build-isolation", "--ignore-installed", "--editable", source_copy),
    )

    names = module_names(source_copy)
    assert {"policyfix.runtime", "policyfix.rules", "policyfix.codemods"} <= set(names)
    script = (
        "import importlib, importlib.util, json, sys\n"
        "where = {}\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    if name.endswith('__main__'):\n"
        "        where[name] = importlib.util.find_spec(name).origin\n"
        "    else:\n"
        "        where[name] = importlib.import_module(name).__file__\n"
        "print(json.dumps(where))\n"
    )
    where = json.loads(run(python, "-c", script, json.dumps(names), cwd=tmp_path))
    astray = {
        name: origin
        for name, origin in where.items()
        if not Path(origin).is_relative_to(source_copy.resolve())
    }
    assert not astray
    assert {Path(origin) for origin in where.values()} == {
        path.resolve() for room in ROOMS for path in (source_copy / room).rglob("*.py")
    }
    for top in ("rules", "codemods", "runtime"):
        lost = run(
            python, "-c", f"import importlib.util; print(importlib.util.find_spec({top!r}))", cwd=tmp_path
        )
        assert lost.strip() == "None", f"`{top}` is importable as a top-level name"


def test_it_runs_as_a_module_and_as_a_script() -> None:
    version = run(sys.executable, "-m", "policyfix", "--version")
    script = Path(sysconfig.get_path("scripts")) / "policyfix"
    assert run(script, "--version") == version
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] in version


def test_rules_of_other_packages_are_found_by_their_entry_point(tmp_path: Path) -> None:
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[policyfix.rules]\ntheirs = theirs\n")
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "own.py").write_text(
        "from policyfix.rule import Rule\n"
        "from policyfix.subjects import PolicyClass\n\n\n"
        "class Own(Rule[PolicyClass]):\n"
        '    """Ours is not to reason why."""\n\n'
        '    code, name = "XY999", "own"\n\n'
        "    def check(self, policy):\n"
        "        yield from ()\n"
    )
    command = [sys.executable, "-m", "policyfix", "explain", "XY999"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert "Ours is not to reason why" in done.stdout, done.stdout + done.stderr
    assert subprocess.run(command, capture_output=True).returncode == 2
