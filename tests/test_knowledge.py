"""What is said of other packages is true of them."""

import ast
import inspect
import textwrap
from importlib import import_module, resources
from pathlib import Path

import pytest

from policyfix.facts import ir
from policyfix.facts.lower import extract

STUBS = sorted(
    p.name.removesuffix(".pyi")
    for p in resources.files("policyfix.knowledge").iterdir()
    if p.name.endswith(".pyi")
)


def stub(module: str) -> ir.ModuleFacts:
    resource = resources.files("policyfix.knowledge") / f"{module}.pyi"
    return extract(resource.read_text(encoding="utf-8"), f"{module}.pyi")


def signature(function: object) -> list[tuple[str, bool]]:
    """(name, has a default) of the parameters, stars included."""
    assert callable(function)
    return [
        (
            ("*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else "") + p.name,
            p.default is not p.empty,
        )
        for p in inspect.signature(function).parameters.values()
    ]


def described(function: ir.FunctionFacts) -> list[tuple[str, bool]]:
    return [
        ((p.kind if p.kind in ("*", "**") else "") + p.name, p.default is not None)
        for p in function.parameters
    ]


def stored(cls: type) -> set[str]:
    """Attributes that a constructor assigns on self, from its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def describes_stores(cls: ir.ClassFacts) -> set[str]:
    init = cls.function("__init__")
    assert init is not None
    return {
        target.name
        for statement in init.body
        if isinstance(statement, ir.Assign)
        for target in statement.targets
        if isinstance(target, ir.Attribute)
    }


def test_there_are_stubs() -> None:
    assert {"policyfix.runtime", "pufferlib.models"} <= set(STUBS)


@pytest.mark.parametrize("module", STUBS)
def test_stubs_agree_with_what_they_describe(module: str) -> None:
    real = pytest.importorskip(module, reason="not installed here", exc_type=ImportError)
    facts = stub(module)
    for function in facts.functions:
        assert described(function) == signature(getattr(real, function.name)), function.name
    for cls in facts.classes:
        actual = getattr(real, cls.name)
        assert [base.__name__ for base in actual.__bases__] == ["Module"]
        for method in cls.functions:
            assert described(method) == signature(getattr(actual, method.name)), f"{cls.name}.{method.name}"


def test_the_runtime_s_constructor_is_described_with_its_defaults() -> None:
    pytest.importorskip("torch")
    base = import_module("policyfix.runtime").RecurrentPolicy
    init = next(c for c in stub("policyfix.runtime").classes if c.name == "RecurrentPolicy").function(
        "__init__"
    )
    assert init is not None
    told = {p.name: p.default.value for p in init.parameters if isinstance(p.default, ir.Literal)}
    actual = {
        p.name: p.default
        for p in inspect.signature(base.__init__).parameters.values()
        if p.default is not p.empty
    }
    assert told == actual


def test_the_runtime_s_base_has_no_public_method_that_is_not_described() -> None:
    pytest.importorskip("torch")
    base = import_module("policyfix.runtime").RecurrentPolicy
    cls = next(c for c in stub("policyfix.runtime").classes if c.name == "RecurrentPolicy")
    public = {
        name for name, member in vars(base).items() if inspect.isfunction(member) and not name.startswith("_")
    }
    assert public <= {f.name for f in cls.functions}


def test_the_wrapper_s_attributes_are_described() -> None:
    real = pytest.importorskip("pufferlib.models", reason="not installed here", exc_type=ImportError)
    cls = next(c for c in stub("pufferlib.models").classes if c.name == "LSTMWrapper")
    assert describes_stores(cls) <= stored(real.LSTMWrapper)


def test_stubs_lie_beside_each_other_and_nothing_else_does() -> None:
    folder = Path(str(resources.files("policyfix.knowledge")))
    assert {p.name for p in folder.iterdir() if p.name != "__pycache__"} == {
        "__init__.py",
        *(f"{s}.pyi" for s in STUBS),
    }
