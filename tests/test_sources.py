"""Which files are read, and how their bytes become text."""

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyfix import sources


def names(selection: sources.Selection) -> list[str]:
    return [path.name for path in selection.files]


def test_walks_folders_in_order_and_leaves_out_what_is_nobodys_source(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "stub.pyi", "notes.txt", ".hidden/x.py", "__pycache__/y.py", "venv/z.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert names(sources.discover([tmp_path])) == ["a.py", "b.py", "stub.pyi"]


def test_a_named_file_is_taken_whatever_its_suffix_and_only_once(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("")
    module = tmp_path / "module.py"
    module.write_text("")
    assert names(sources.discover([script, module, tmp_path])) == ["script", "module.py"]


@pytest.mark.parametrize("glob", ["generated", "*/generated", "skip_*.py"])
def test_excludes_by_name_and_by_path(tmp_path: Path, glob: str) -> None:
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "skip_me.py").write_text("")
    (tmp_path / "kept.py").write_text("")
    assert names(sources.discover([tmp_path], sources.Walk(exclude=(glob,)))) == ["kept.py"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    os.symlink(tmp_path, tmp_path / "again")
    assert names(sources.discover([tmp_path])) == ["a.py"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (problem,) = sources.discover([tmp_path]).unreadable
    assert problem.path.endswith("locked")
    assert "Permission denied" in problem.reason


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"x = '\xc3\xa9'\r\n", "utf-8", "x = 'é'\r\n"),
        (b"\xef\xbb\xbfx = 1\n", "utf-8-sig", "x = 1\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "iso-8859-1", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        (b"a\rb\n", "utf-8", "a\rb\n"),
    ],
)
def test_text_and_bytes_are_each_others_inverse(data: bytes, encoding: str, text: str) -> None:
    source = sources.decode(data, "x.py")
    assert (source.text, source.encoding) == (text, encoding)
    assert source.text.encode(source.encoding) == data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x = '\xe9'\n", "cannot be decoded"),
        (b"# coding: klingon\n", "klingon"),
        (b"x = 1\0\n", "null bytes"),
    ],
)
def test_bytes_that_are_no_source_are_an_error_with_the_path(data: bytes, said: str) -> None:
    with pytest.raises(sources.SourceError, match=said) as caught:
        sources.decode(data, "x.py")
    assert caught.value.path == "x.py"


def test_a_pipe_and_a_dangling_link_are_errors_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    os.symlink(tmp_path / "nowhere.py", tmp_path / "link.py")
    for name in ("pipe.py", "link.py"):
        with pytest.raises(sources.SourceError):
            sources.read(tmp_path / name)


PATTERNS = [
    *(
        "*.log",
        "/top.py",
        "build/",
        "a/b.py",
        "a/*.py",
        "**/deep",
        "**/deep/x.py",
        "a/**",
        "a/**/z.py",
        "!keep.py",
    ),
    *(
        "# comment",
        r"\#hash.py",
        r"\!bang.py",
        "sp ace.py",
        r"trail\ ",
        "q?.py",
        "[abc].py",
        "[!abc].py",
        "[a-c]x",
    ),
    *(
        "/**/any.py",
        "*",
        "!*/",
        "a",
        "/a",
        "a/",
        "sub/a",
        "x**y.py",
        r"\*.py",
        "[]x].py",
        "tail.py   ",
    ),
]
PATHS = [
    *(
        "a.py",
        "b.py",
        "d.py",
        "top.py",
        "x.log",
        "keep.py",
        "#hash.py",
        "!bang.py",
        "sp ace.py",
        "qq.py",
        "*.py",
    ),
    *(
        "a_folder/a.py",
        "build/x.py",
        "sub/build/y.py",
        "sub/top.py",
        "deep/x.py",
        "sub/deep/x.py",
        "].py",
        "tail.py",
    ),
    *(
        "g/b.py",
        "g/z.py",
        "g/h/z.py",
        "sub/a/t.py",
        "xny.py",
        "ax/f.py",
        "any.py",
        "sub/any.py",
        "trail /k.py",
    ),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4), st.sampled_from(["", "sub", "g"]))
def test_gitignore_files_mean_what_git_says(lines: list[str], where: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in PATHS:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("")
        subprocess.run(["git", "init", "--quiet", name], check=True)
        (folder / where / ".gitignore").write_text("\n".join(lines) + "\n")
        command = ["git", "-C", name, "ls-files", "-z", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        expected = {path for path in listed if path.endswith(".py") and not path.startswith("build/")}
        expected -= {path for path in listed if "/build/" in path}  # passed over by name, ignored or not
        found = {path.relative_to(folder).as_posix() for path in sources.discover([folder]).files}
    assert found == expected
