"""Where a target's source root is, and under which name it is imported."""

from pathlib import Path

import pytest

from policyfix.runtime.checker.target import TargetError, locate


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("files", "file", "root", "module"),
    [
        pytest.param({"agent.py": ""}, "agent.py", "", "agent", id="a file alone"),
        pytest.param(
            {"src/lab/agents/fast.py": "from lab.nets.box import Box", "src/lab/nets/box.py": ""},
            "src/lab/agents/fast.py",
            "src",
            "lab.agents.fast",
            id="namespace packages: where its own absolute imports resolve",
        ),
        pytest.param(
            {
                "src/lab/agents/fast.py": "from lab.nets.box import Box",
                "src/lab/nets/box.py": "",
                "lab/other.py": "",
            },
            "src/lab/agents/fast.py",
            "src",
            "lab.agents.fast",
            id="a folder of the same name higher up does not resolve it",
        ),
        pytest.param(
            {"src/lab/__init__.py": "", "src/lab/agents/__init__.py": "", "src/lab/agents/fast.py": ""},
            "src/lab/agents/fast.py",
            "src",
            "lab.agents.fast",
            id="packages: outside the topmost",
        ),
        pytest.param(
            {"agents/fast.py": "from .wrapper import Wrapper", "agents/wrapper.py": ""},
            "agents/fast.py",
            "",
            "agents.fast",
            id="a relative import makes its folder a package",
        ),
        pytest.param(
            {"lab/agents/fast.py": "from ..nets import box", "lab/nets/box.py": ""},
            "lab/agents/fast.py",
            "",
            "lab.agents.fast",
            id="two dots, two packages",
        ),
        pytest.param(
            {"agents/fast.py": "from wrapper import Wrapper", "agents/wrapper.py": ""},
            "agents/fast.py",
            "agents",
            "fast",
            id="a script's neighbour",
        ),
        pytest.param(
            {"agents/fast.py": "import torch", "torch.py": ""},
            "agents/fast.py",
            "agents",
            "fast",
            id="somebody else's package higher up is no evidence",
        ),
    ],
)
def test_the_source_root_of_a_file(
    tmp_path: Path, files: dict[str, str], file: str, root: str, module: str
) -> None:
    write(tmp_path, files)
    target = locate(f"{tmp_path / file}::Fast")
    assert (target.root, target.module, target.class_name) == (tmp_path / root, module, "Fast")


def test_a_given_search_path_that_holds_the_file_is_its_root(tmp_path: Path) -> None:
    write(tmp_path, {"src/lab/fast.py": ""})
    assert locate(f"{tmp_path}/src/lab/fast.py::Fast", [tmp_path / "src"]).module == "lab.fast"


def test_imports_that_only_another_parent_resolves_become_fallbacks(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"src/lab/fast.py": "import lab.net\nimport common.log", "src/lab/net.py": "", "common/log.py": ""},
    )
    target = locate(f"{tmp_path}/src/lab/fast.py::Fast")
    assert (target.root, target.fallbacks) == (tmp_path / "src", (tmp_path,))


def test_a_module_name_is_left_to_python() -> None:
    target = locate("lab.agents.fast:Fast")
    assert (target.module, target.class_name, target.file, target.root) == (
        "lab.agents.fast",
        "Fast",
        None,
        None,
    )


@pytest.mark.parametrize(
    "text", ["fast.py", "fast.py:Fast", "lab.fast", ":Fast", "lab.fast:", "lab:no class"]
)
def test_an_unreadable_target_says_how_to_write_one(text: str) -> None:
    with pytest.raises(TargetError, match=r"path/to/file\.py::Class or package\.module:Class"):
        locate(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no such file"):
        locate(f"{tmp_path}/fast.py::Fast")


def test_a_syntax_error_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, {"fast.py": "import torch\nclass Fast(:\n"})
    with pytest.raises(TargetError, match=r"fast\.py:2: not valid Python"):
        locate(f"{tmp_path}/fast.py::Fast")
