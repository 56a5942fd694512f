"""The class graph from bytes: it may admit too many files, never too few."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from policyfix import contract, index


def candidates(files: dict[str, str], outside: dict[str, str] | None = None) -> set[str]:
    """Names of the files that may hold a subject; `outside` maps module names to sources beyond the tree."""
    beyond = {Path(f"/beyond/{name}.py"): source for name, source in (outside or {}).items()}
    headers = {Path(name): index.scan(source.encode(), "env_obs") for name, source in files.items()}
    found = index.candidates(
        headers,
        lambda module, _: next((p for p in beyond if p.stem == module.rpartition(".")[2]), None),
        lambda path: index.scan(beyond[path].encode(), "env_obs"),
    )
    return {path.name for path in found}


CORE = "class Core(nn.Module):\n    def __init__(self): self.lstm = nn.LSTM(1, 1)\n"


def test_a_file_with_a_core_is_a_candidate_and_one_without_is_not() -> None:
    files = {"core.py": CORE, "plain.py": "class A(nn.Module): pass\n", "other.py": "class B(Enum): pass\n"}
    assert candidates(files) == {"core.py"}


def test_a_subclass_need_not_contain_a_word_about_torch() -> None:
    files = {"core.py": CORE, "sub.py": "class Sub(Core): pass\n", "deep.py": "class Deep(Sub[int]): pass\n"}
    assert candidates(files) == {"core.py", "sub.py", "deep.py"}


def test_bases_are_followed_through_aliases_and_assignments() -> None:
    files = {
        "core.py": CORE,
        "alias.py": "from core import Core as Root\nclass A(Root): pass\n",
        "renamed.py": "import core\nRoot = core.Core\nclass B(Root): pass\n",
        "lines.py": "class C(\n    core.Core,  # type: ignore (sic)\n    metaclass=meta(1),\n):\n    pass\n",
    }
    assert candidates(files) == set(files)


def test_a_wrapper_that_a_knowledge_file_describes_counts_as_a_core() -> None:
    assert candidates({"a.py": "class A(pufferlib.models.LSTMWrapper): pass\n"}) == {"a.py"}


def test_a_base_outside_the_tree_is_read_there() -> None:
    files = {"sub.py": "from lib.core import Core\nclass Sub(Core): pass\n"}
    assert candidates(files, {"core": CORE}) == {"sub.py"}
    assert candidates(files, {"core": "class Core(Enum): pass\n"}) == set()


def test_prose_about_cores_is_no_core() -> None:
    files = {
        "prose.py": 'class Prose(nn.Module):\n    """Feeds an LSTM."""\n    # then a GRU\n',
        "beside.py": "class Beside(nn.Module): pass\n\n\nclass B(Enum):\n    x = nn.LSTM\n",
        "attribute.py": "class A(nn.Module):\n    core = nn.LSTM\n",
        "imported.py": "from torch.nn import LSTM\nclass A(nn.Module):\n    core = LSTM if x else None\n",
        "star.py": "from torch.nn import *  # noqa: F403\nclass A(Module):\n    core = LSTM\n",
        "named.py": "class A(nn.Module):\n    core = getattr(nn, 'GRUCell')\n",
        "assigned.py": 'CORES = {\n    "x": nn.LSTM,\n}\n\n\nclass A(nn.Module): pass\n',
        "text.py": 'class A(nn.Module):\n    text = """\nfrom here on\n"""\n    core = nn.LSTM\n',
    }
    assert candidates(files) == set(files) - {"prose.py", "beside.py"}


def test_classes_that_a_function_makes_are_nobodys_subject() -> None:
    inner = "".join(f"    {line}\n" for line in CORE.splitlines())
    files = {
        "local.py": f"def make():\n{inner}    return Core\n",
        "method.py": f"class A:\n    x = 1\n{inner.replace('Core', 'Nested')}",
        "guarded.py": f"try:\n{inner.replace('Core', 'Guarded')}except ImportError:\n    pass\n",
    }
    assert candidates(files) == {"method.py", "guarded.py"}


def test_a_policy_without_a_core_is_found_by_its_observation() -> None:
    assert candidates({"a.py": 'class A(Module):\n    def forward(self, td): return td["env_obs"]\n'}) == {
        "a.py"
    }


def test_cycles_end() -> None:
    assert candidates({"a.py": "class A(B): pass\nclass B(A): pass\n# LSTM\n"}) == set()


@given(st.permutations(["core.py", "a.py", "b.py", "c.py"]))
def test_the_order_of_the_files_does_not_matter(order: list[str]) -> None:
    files = {
        "core.py": CORE,
        "a.py": "class A(Core): pass",
        "b.py": "class B(A): pass",
        "c.py": "class C(B): x",
    }
    assert candidates({name: files[name] for name in order}) == set(files)


@given(st.binary(max_size=400))
def test_any_bytes_can_be_scanned(data: bytes) -> None:
    index.scan(b"class A(B):\n" + data, "env_obs")


def test_a_loss_that_steps_nothing_takes_part_in_training() -> None:
    reads = b'import torch\n\ndef gae(td):\n    return f(td[\'rewards\'], td["values"], td["dones"])\n'
    assert index.trains(reads, contract.load())
    assert not index.trains(reads.replace(b"'rewards'", b"rewards"), contract.load())
    assert not index.trains(reads.replace(b"import torch", b"import numpy"), contract.load())
