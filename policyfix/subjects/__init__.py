"""Subjects: what rules ask. One module a kind; `find` gives those of a file."""

from __future__ import annotations

from collections.abc import Iterator

from policyfix.contract import Contract
from policyfix.project import Module, Project
from policyfix.subjects.agent_config import AgentConfig, agent_configs
from policyfix.subjects.factory import Factory, factories
from policyfix.subjects.policy import Mode, PolicyClass, policies
from policyfix.subjects.subject import Subject
from policyfix.subjects.trainer import Trainer, trainers

__all__ = ["AgentConfig", "Factory", "Mode", "PolicyClass", "Subject", "Trainer", "agent_configs", "find"]


def find(project: Project, module: Module, contract: Contract) -> Iterator[Subject]:
    """The subjects that a file defines."""
    yield from policies(project, module, contract)
    yield from trainers(module, contract)
    yield from factories(module, contract)
