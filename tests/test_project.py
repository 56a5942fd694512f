"""Linking: names across files, base orders as Python's own, and an end to every cycle."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_file import module_of

from policyfix import contract
from policyfix.engine import check
from policyfix.facts import ir
from policyfix.facts.lower import extract
from policyfix.project import Constant, External, LinkedClass, Project


def project(root: Path, files: dict[str, str]) -> Project:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return Project(lambda path: extract(path.read_text(), str(path)), [root / name for name in files])


def linked(root: Path, files: dict[str, str], where: str, name: str) -> LinkedClass:
    module = project(root, files).module(root / where)
    assert module is not None
    symbol = module.member(name)
    assert isinstance(symbol, LinkedClass)
    return symbol


def names(cls: LinkedClass) -> list[str]:
    return [c.name for c in cls.mro]


HIERARCHIES = st.lists(st.lists(st.integers(0, 7), max_size=3, unique=True), min_size=1, max_size=8)


@given(HIERARCHIES)
@settings(max_examples=150, deadline=None)
def test_the_order_of_bases_is_python_s_own(
    tmp_path_factory: pytest.TempPathFactory, shape: list[list[int]]
) -> None:
    lines, classes = [], {}
    for number, bases in enumerate(shape):
        chosen = [b for b in bases if f"C{b}" in classes]
        name = f"C{number}"
        lines.append(f"class {name}({', '.join(f'C{b}' for b in chosen)}): ...")
        try:
            classes[name] = type(name, tuple(classes[f"C{b}"] for b in chosen), {})
        except TypeError:
            classes.pop(name, None)
            refused = name
            break
    else:
        refused = None
    source = "\n".join(lines)
    module = module_of(source)
    for name, cls in classes.items():
        found = module.member(name)
        assert isinstance(found, LinkedClass)
        assert names(found) == [c.__name__ for c in cls.__mro__ if c is not object]
        assert not found.unknown
    if refused is not None:
        found = module.member(refused)
        assert isinstance(found, LinkedClass)
        assert found.unknown, "what Python refuses is not known"


@pytest.mark.parametrize(
    "spelling",
    [
        "from lib.base import Base",
        "from lib import Base",
        "from lib import *",
        "from lib.base import Base as Root\nBase = Root",
        "import lib.base\nBase = lib.base.Base",
        "import lib.base as b\nBase = b.Base",
        "from .lib.base import Base",
        "from . import lib\nBase = lib.Base",
        "try:\n    from lib.base import Base\nexcept ImportError:\n    pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib.base import Base",
        "from lib.base import Base\nfrom other import thing",
    ],
)
def test_a_base_is_found_however_it_is_imported(tmp_path: Path, spelling: str) -> None:
    files = {
        "lib/__init__.py": "from .base import Base\n",
        "lib/base.py": "import torch.nn as nn\n\n\nclass Base(nn.Module): ...\n",
        "m.py": f"{spelling}\n\n\nclass A(Base): ...\n",
    }
    cls = linked(tmp_path, files, "m.py", "A")
    assert names(cls) == ["A", "Base", "torch.nn.Module"]
    assert cls.is_module
    assert not cls.unknown


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("from lib import SIDE", True),
        ("from lib import *", True),
        ("from lib.sizes import WIDTH as SIDE", True),
        ("import lib.sizes\nSIDE = lib.sizes.SIDE", True),
        ("from lib.sizes import MADE as SIDE", False),
        ("from lib.sizes import LEFT as SIDE", False),
        ("from lib.sizes import EMPTY as SIDE", False),
        ("from lib.sizes import EITHER as SIDE", False),
        ("from lib.sizes import SHARED as SIDE", False),
        ("from nowhere import SIDE", False),
    ],
)
def test_a_constant_is_known_wherever_it_is_spelt_out(tmp_path: Path, source: str, known: bool) -> None:
    sizes = "SIDE, (WIDTH, _) = 11, (11, 3)\nMADE = max(11, 3)\nLEFT, RIGHT = divmod(34, 3)\nEMPTY = []\n"
    sizes += "try:\n    EITHER = 10\nexcept ImportError:\n    EITHER = 11\n"
    sizes += "SHARED = 11\ndef widen():\n    global SHARED\n    SHARED = 12\n"
    files = {"lib/__init__.py": "from .sizes import SIDE\n", "lib/sizes.py": sizes, "m.py": source + "\n"}
    module = project(tmp_path, files).module(tmp_path / "m.py")
    assert module is not None
    assert (module.member("SIDE") == Constant(ir.Literal(11))) is known


@pytest.mark.parametrize(
    "source",
    [
        "from nowhere import Base\nclass A(Base): ...",
        "class A(Base): ...",
        "class A(make_base()): ...",
        "class A(*bases): ...",
        "class A(A): ...",
        "Base = Base\nclass A(Base): ...",
        "from nowhere import *\nclass A(Base): ...",
    ],
)
def test_what_is_found_nowhere_is_unknown(tmp_path: Path, source: str) -> None:
    cls = linked(tmp_path, {"m.py": source}, "m.py", "A")
    assert cls.unknown
    assert cls.defines("clip_weights") is None


def test_subclasses_of_an_unknown_class_are_unknown(tmp_path: Path) -> None:
    files = {"a.py": "class A(Mystery): ...", "b.py": "from a import A\nclass B(A): ..."}
    assert linked(tmp_path, files, "b.py", "B").unknown


@pytest.mark.parametrize("start", ["a", "b", "c"])
def test_import_cycles_end(tmp_path: Path, start: str) -> None:
    files = {
        f"{here}.py": f"from {there} import *\nfrom {there} import X{there}\nclass X{here}(X{there}): ...\n"
        for here, there in ("ab", "bc", "ca")
    }
    cls = linked(tmp_path, files, f"{start}.py", f"X{start}")
    assert cls.unknown
    assert names(cls)[0] == f"X{start}"


def test_a_file_beside_and_not_another_of_the_same_name_is_meant(tmp_path: Path) -> None:
    files = {
        "x/agent.py": "class Agent:\n    def here(self): ...\n",
        "y/agent.py": "class Agent:\n    def there(self): ...\n",
        "y/m.py": "from agent import Agent\nclass A(Agent): ...\n",
    }
    cls = linked(tmp_path, files, "y/m.py", "A")
    assert cls.defines("there") is True
    assert cls.defines("here") is False


def test_source_roots_are_found_by_path_suffix_where_only_one_file_fits(tmp_path: Path) -> None:
    files = {
        "src/pkg/base.py": "class Base: ...",
        "tools/m.py": "from pkg.base import Base\nclass A(Base): ...",
    }
    assert names(linked(tmp_path, files, "tools/m.py", "A")) == ["A", "Base"]
    doubled = {**files, "vendor/pkg/base.py": "class Base: ..."}
    assert linked(tmp_path, doubled, "tools/m.py", "A").unknown


def test_a_module_of_a_namespace_package_above_is_nearer_than_a_package_elsewhere(tmp_path: Path) -> None:
    files = {
        "x/parts/base.py": "class Base:\n    def here(self): ...\n",
        "x/m.py": "from parts import base\nclass A(base.Base): ...",
        "y/parts/__init__.py": "",
        "y/parts/base.py": "class Base:\n    def there(self): ...\n",
    }
    assert linked(tmp_path, files, "x/m.py", "A").defines("here") is True


def test_what_stands_in_a_package_is_no_module_by_its_last_name_alone(tmp_path: Path) -> None:
    files = {
        "src/pkg/util/types.py": "class Base: ...",
        "tools/m.py": "from types import Base\nclass A(Base): ...",
    }
    assert names(linked(tmp_path, files, "tools/m.py", "A")) == ["A", "Base"]
    cls = linked(tmp_path, {**files, "src/pkg/util/__init__.py": ""}, "tools/m.py", "A")
    assert cls.mro[1:] == (External("types.Base"),)


def test_the_next_method_of_the_order_answers_for_super(tmp_path: Path) -> None:
    source = """
class Root:
    def f(self): ...
class Left(Root):
    def f(self): ...
class Right(Root):
    def f(self): ...
class Leaf(Left, Right): ...
"""
    module = project(tmp_path, {"m.py": source}).module(tmp_path / "m.py")
    assert module is not None
    leaf, left = module.member("Leaf"), module.member("Left")
    assert isinstance(leaf, LinkedClass)
    assert isinstance(left, LinkedClass)
    found = leaf.find("f", after=left)
    assert found is not None
    assert found[1].name == "Right"


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("class A(nn.Module): ...", False),
        ("class A(nn.Module):\n    clip_weights = shared", True),
        ("class A(nn.Module): ...\nA.clip_weights = shared", True),
        ("class A(nn.Module):\n    def __getattr__(self, name): ...", None),
        ("@register\nclass A(nn.Module): ...", None),
        ("class A(nn.Module, metaclass=Meta): ...", None),
        ("import abc\nclass A(nn.Module, metaclass=abc.ABCMeta): ...", False),
    ],
)
def test_what_a_class_answers_to_is_three_valued(tmp_path: Path, header: str, answer: bool | None) -> None:
    cls = linked(tmp_path, {"m.py": f"import torch.nn as nn\n{header}\n"}, "m.py", "A")
    assert cls.defines("clip_weights") is answer


_REGISTER = """
class Meta(type):
    def __new__(mcs, name, bases, namespace, **kwargs):
        cls = super().__new__(mcs, name, bases, namespace)
        if namespace.get("short_name"):
            REGISTER[name] = cls
        {more}
        return cls
class Both(Meta, abc.ABCMeta): ...
class A(nn.Module, metaclass=Both): ...
"""


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ("logger.info(cls.__name__)", False),
        ("namespace = dict(namespace)", None),
        ("cls.clip_weights = clip", None),
        ("setattr(cls, name, clip)", None),
        ("kept = cls", None),
        ("return wrapped(cls)", None),
    ],
)
def test_a_metaclass_that_only_keeps_a_register_adds_nothing(
    tmp_path: Path, more: str, answer: bool | None
) -> None:
    source = f"import abc\nimport torch.nn as nn\n{_REGISTER.format(more=more)}"
    assert linked(tmp_path, {"m.py": source}, "m.py", "A").defines("clip_weights") is answer


def test_a_module_of_a_namespace_package_is_found_by_its_dotted_name(tmp_path: Path) -> None:
    files = {
        "src/metta/agent/policy.py": "import torch.nn\nclass Policy(torch.nn.Module): ...\n",
        "metta/rl/own.py": "import metta.agent.policy\nclass Own(metta.agent.policy.Policy): ...\n",
    }
    cls = linked(tmp_path, files, "metta/rl/own.py", "Own")
    assert [base.name for base in cls.mro] == ["Own", "Policy", "torch.nn.Module"]


@pytest.mark.parametrize(
    "spelling", ["torch.nn.Module", "torch.nn.modules.module.Module", "torch.nn.modules.Module"]
)
def test_every_spelling_of_module_is_module(tmp_path: Path, spelling: str) -> None:
    package, _, name = spelling.rpartition(".")
    cls = linked(tmp_path, {"m.py": f"from {package} import {name}\nclass A({name}): ..."}, "m.py", "A")
    assert cls.mro[-1] == External("torch.nn.Module")


FILES = {
    "base.py": (
        "import torch.nn as nn\nfrom tensordict import TensorDict\n\n\nclass Root(nn.Module):\n"
        "    def __init__(self, env):\n        super().__init__()\n        self.lstm = nn.LSTM(3, 3)\n\n"
        "    def forward(self, td: TensorDict):\n"
        '        out, _ = self.lstm(td["env_obs"].float().flatten(1).unsqueeze(0))\n'
        '        td["values"] = out\n        return td\n'
    ),
    "a.py": "from base import Root\n\n\nclass A(Root): ...\n",
    "b.py": "from a import A\n\n\nclass B(A):\n    def clip_weights(self): ...\n",
    "c.py": "import base\n\n\nclass A(base.Root): ...\n",
}


def test_the_order_in_which_files_are_given_changes_nothing(tmp_path: Path) -> None:
    project(tmp_path, FILES)
    answers = {
        tuple((f.path, f.line, f.code, f.message) for f in check(paths, contract.load()).findings)
        for paths in itertools.permutations(tmp_path / name for name in FILES)
    }
    assert len(answers) == 1
    assert {code for _, _, code, _ in answers.pop()} >= {"PF101", "PF202", "PF205", "PF301", "PF401"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("policy.clip_range = 1", True),
        ("agent.policy.clip_range = 1", True),
        ("policies[0].clip_range = 1", True),
        ("policy.clip_range[rows[:1]][0] = 1", True),
        ("policy.clip_range[row] = 1", True),
        ("policy.clip_range[row], kept = 1, 2", True),
        ("kept = policy.clip_range[row]", False),
        ("if policy.clip_range[row] == 1:", False),
        ("policy.clip_range, kept = 1, 2", True),
        ("for policy.clip_range, rate in sweep:", True),
        ("rate, policy.clip_range = 1, 2", True),
        ("policy.rate, policy.clip_range = 1, 2", True),
        ("(policy.clip_range) = 1", True),
        ("(\n    policy.clip_range,\n    policy.rate,\n) = 1, 2", True),
        (f"[policy.clip_range, {'x, ' * 100}] = things", True),
        ("Policy(policy.clip_range, 1)", False),
        ("kept = [policy.clip_range, f(1)]", False),
        ("made = Policy(policy.clip_range, 1)\nrate = 2", False),
        ("self.clip_range = 1", False),
        ("if policy.clip_range == 1:", False),
        ("Policy(clip_range=cfg.clip_range, rate=1)", False),
        ("Policy(clip_range = self.cfg.clip_range, rate=1)", False),
    ],
)
def test_an_attribute_is_assigned_where_it_stands_as_a_target(text: str, answer: bool) -> None:
    project = Project(lambda path: None, [Path("/train.py")], lambda path: text.encode())
    assert project.texts.assigns("clip_range") is answer


def test_a_config_is_no_file_that_code_may_stand_in(tmp_path: Path) -> None:
    texts = {"a.py": b"td['dones']", "b.yaml": b"dones: 1", "c.py": b"td['ended']"}
    paths = [tmp_path / name for name in texts]
    project = Project(lambda path: None, paths, lambda path: texts[path.name])
    assert project.texts.files_with("dones") == [tmp_path / "a.py"]


def test_stars_in_a_cycle_hide_no_name_whoever_is_asked_first(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import *",
        "b.py": "from a import *\nfrom c import *",
        "c.py": "class C: ...",
        "m.py": "from a import C as A\nfrom b import C as B\nfrom a import D\n"
        "class One(A): ...\nclass Two(B): ...\nclass Three(D): ...",
    }
    for order in (("One", "Two"), ("Two", "One")):
        assert linked(tmp_path, files, "m.py", "Three").unknown
        assert [names(linked(tmp_path, files, "m.py", name))[1:] for name in order] == [["C"], ["C"]]


REGISTRY = """
from typing import final

KNOWN = {}


def keep(cls):
    KNOWN[cls.__name__] = cls
    return cls


def named(name):
    def enter(cls):
        assert issubclass(cls, object)
        if name in KNOWN:
            raise ValueError(name)
        KNOWN.setdefault(name, cls)
        return cls

    return enter


def either(cls=None, *, name=""):
    def enter(c):
        KNOWN[name or c.__name__] = c
        return c

    return enter if cls is None else enter(cls)


class Registry:
    def __init__(self):
        self.held = []

    def add(self, cls):
        self.held.append(cls)
        return cls

    @classmethod
    def enter(cls, name):
        def inner(policy):
            KNOWN[name] = policy
            return policy

        return inner


registry = Registry()
add = registry.add


def patched(cls):
    cls.forward = None
    return cls


def wrapped(cls):
    return type(cls.__name__, (cls,), {})


def handed(cls):
    somebody(cls)
    return cls


def configured(name):
    def enter(cls):
        return build(cls)

    return enter


def maker(name):
    return somebody(name)
"""


@pytest.mark.parametrize(
    ("decorator", "rebuilt"),
    [
        ("registry.keep", False),
        ("registry.named('x')", False),
        ("registry.either", False),
        ("registry.either(name='x')", False),
        ("registry.registry.add", False),
        ("registry.Registry.enter('x')", False),
        ("registry.final", False),
        ("shared.add", False),
        ("registry.add", False),
        ("kept", False),
        ("registry.named", True),  # gives a function
        ("registry.patched", True),
        ("registry.wrapped", True),
        ("registry.handed", True),
        ("registry.configured('x')", True),
        ("registry.maker('x')", True),
        ("unseen.decorator", True),
    ],
)
def test_a_decorator_that_keeps_a_class_leaves_it_as_it_is(
    tmp_path: Path, decorator: str, rebuilt: bool
) -> None:
    head = "import registry\nimport unseen\nfrom registry import add as kept, registry as shared\n\n\n"
    files = {"registry.py": REGISTRY, "p.py": f"{head}@{decorator}\nclass P: ...\n"}
    assert linked(tmp_path, files, "p.py", "P").is_rebuilt is rebuilt
