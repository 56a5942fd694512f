"""A source text as the only file of a project."""

from pathlib import Path

from policyfix.facts.lower import extract
from policyfix.flow.run import Run
from policyfix.project import Found, LinkedClass, Module, Project
from policyfix.values import Thing


def module_of(source: str) -> Module:
    """The text as `m.py`."""
    path = Path("/m.py")
    module = Project(lambda asked: extract(source, str(path)) if asked == path else None).module(path)
    assert module is not None
    return module


def built(source: str) -> tuple[Run, Thing, Found]:
    """The run in which the class `P` of the text was built, the instance, and its forward."""
    cls = module_of(source).member("P")
    assert isinstance(cls, LinkedClass)
    run, forward = Run(), cls.find("forward")
    assert forward is not None
    return run, run.build(cls, {}), forward
