"""Why a rule spoke of a file, or did not: what the file is taken for at every step of the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from policyfix import engine, index, sources
from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.finding import Finding
from policyfix.project import External, LinkedClass, Project
from policyfix.reader import Reader
from policyfix.record import record
from policyfix.rule import Rule
from policyfix.screen import Screen
from policyfix.subjects import PolicyClass, Subject, agent_configs, find
from policyfix.subjects.candidates import entry
from policyfix.trace import KeyRead, KeyWrite
from policyfix.values import is_tensordict


@record()
class SubjectNote:
    """What one subject is, by what evidence, and what each rule about its kind found."""

    name: str
    kind: str
    evidence: tuple[str, ...]
    rules: dict[str, tuple[str, ...]]  # code -> what it found, before anything is silenced


@record()
class ClassNote:
    """One class: the order in which its bases answer, and why it is no subject where it is none."""

    name: str
    line: int
    bases: tuple[str, ...]
    unknown: bool  # some base is found nowhere
    no_subject: str | None


@record()
class Explanation:
    """All that is known of one file."""

    path: str
    encoding: str | None
    left_out: str | None
    is_candidate: bool
    because: str  # what makes a file a candidate
    problems: tuple[str, ...]
    classes: tuple[ClassNote, ...] = ()
    subjects: tuple[SubjectNote, ...] = ()
    reported: tuple[str, ...] = ()
    hushed: tuple[str, ...] = ()  # found, but silenced, or told of a base class already

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        yield f"file: {self.path}" + (f" ({self.encoding})" if self.encoding else "")
        if self.left_out is not None:
            yield f"  left out when its folder is checked: {self.left_out}"
        yield from (f"  problem: {problem}" for problem in self.problems)
        yield f"  candidate: {'yes, ' if self.is_candidate else 'no; it would be where '}{self.because}"
        for note in self.classes:
            yield f"class {note.name} (line {note.line})"
            yield f"  bases: {' -> '.join(note.bases)}" + (" -> ? (not found)" if note.unknown else "")
            if note.no_subject is not None:
                yield f"  no subject: {note.no_subject}"
        for subject in self.subjects:
            yield f"{subject.kind} {subject.name}"
            yield from (f"  {line}" for line in subject.evidence)
            for code, found in subject.rules.items():
                yield from (f"  {code}: {message}" for message in found)
            silent = [code for code, found in subject.rules.items() if not found]
            if silent:
                yield f"  found nothing: {' '.join(silent)}"
        yield f"reported by policyfix check {self.path}: {len(self.reported)} of these"
        yield from (f"not reported (silenced, or told of a base): {line}" for line in self.hushed)


def explain(
    file: Path,
    contract: Contract,
    rules: Iterable[type[Rule[Any]]],
    walk: sources.Walk,
    screen: Screen,
) -> Explanation:
    """How `policyfix check FILE` would read a file."""
    chosen = tuple(rules)
    path = file.absolute()
    reader = Reader(contract)
    project = Project(reader.facts, [path], reader.data, around=partial(sources.around, [path], walk))
    source, headers = reader.source(path), reader.headers(path)
    told = engine.check([file], contract, chosen, walk=walk, screen=screen)
    classes: tuple[ClassNote, ...] = ()
    found: list[Subject] = []
    because = "a class may reach nn.Module and speaks of a recurrent core or of the observation"
    if sources.is_config(path):
        because = "it is an agent config, with the contract's heads among its components"
        found = list(agent_configs(project, path, source.text, contract)) if source is not None else []
        is_candidate = bool(found)
    else:
        headers_of = {} if headers is None else {path: headers}
        is_candidate = path in index.candidates(headers_of, project.locate, reader.headers)
        if not is_candidate and reader.trains(path):
            because, is_candidate = "it may hold code around a policy, such as a trainer", True
        module = project.module(path) if source is not None else None
        if module is not None:
            found = list(find(project, module, contract)) if is_candidate else []
            names = {subject.name for subject in found}
            classes = tuple(
                _class(project.link(facts, module), contract, names) for facts in ir.classes(module.facts)
            )
    asked = [(subject, _asked(subject, chosen)) for subject in found]
    here = [f for _, answers in asked for said in answers.values() for f in said if f.path == str(path)]
    kept = {(f.code, f.line, f.column) for f in told.findings}
    return Explanation(
        path=str(file),
        encoding=None if source is None else source.encoding,
        left_out=sources.left_out(file, walk),
        is_candidate=is_candidate,
        because=because,
        problems=tuple(problem.message for problem in told.problems),
        classes=classes,
        subjects=tuple(_note(subject, answers) for subject, answers in asked),
        reported=tuple(map(_line, told.findings)),
        hushed=tuple(_line(f) for f in here if (f.code, f.line, f.column) not in kept),
    )


def _class(cls: LinkedClass, contract: Contract, subjects: set[str]) -> ClassNote:
    facts, no_subject = cls.facts, None
    if facts.qualname not in subjects:
        if not cls.is_module:
            no_subject = "it does not reach nn.Module, as far as its bases are found"
        elif entry(cls, contract) is None:
            no_subject = "it has no forward whose source is at hand, nor one method that takes a TensorDict"
        else:
            no_subject = (
                "neither it nor a base names a recurrent core, the contract's observation or a padding row; "
                "policies that use it answer for what it does"
            )
    mro = tuple(_shown(each) for each in cls.mro)
    return ClassNote(facts.qualname, facts.span.line, mro, cls.unknown, no_subject)


def _shown(cls: LinkedClass | External) -> str:
    if isinstance(cls, External):
        return cls.name
    return cls.dotted or f"{cls.name} ({Path(cls.module.path).name})"


def _asked(subject: Subject, rules: Iterable[type[Rule[Any]]]) -> dict[str, list[Finding]]:
    """What the rules about such subjects find, by code. One that fails is among the problems of the check."""
    answers: dict[str, list[Finding]] = {}
    for rule in rules:
        if isinstance(subject, rule.on):
            with contextlib.suppress(Exception):
                answers[rule.code] = list(dict.fromkeys(rule().check(subject)))
    return answers


def _note(subject: Subject, answers: dict[str, list[Finding]]) -> SubjectNote:
    evidence = tuple(_evidence(subject)) if isinstance(subject, PolicyClass) else ()
    rules = {code: tuple(_place(f, subject) + f.message for f in found) for code, found in answers.items()}
    return SubjectNote(subject.name, type(subject).__name__, evidence, rules)


def _place(finding: Finding, subject: Subject) -> str:
    elsewhere = "" if finding.path == subject.path else f"{Path(finding.path).name} "
    return f"{elsewhere}line {finding.line}: "


def _evidence(policy: PolicyClass) -> Iterator[str]:
    """What speaks for and against that a class serves the contract's trainer, and how far it is followed."""
    contract = policy.contract
    yield f"under the contract of {contract.name}: {'yes' if policy.is_contract else 'no'}"
    if policy.cls.inherits(contract.base):
        yield f"inherits {contract.base}"
    if policy.is_listed:
        yield "the settings list it among the policies"
    reads = {e.key for trace in policy.traces for e in trace.of(KeyRead) if is_tensordict(e.tensordict)}
    writes = {e.key for trace in policy.traces for e in trace.of(KeyWrite) if e.key in contract.outputs}
    yield f"forward takes a TensorDict: {'yes' if policy.takes_tensordict else 'no'}"
    yield f'reads td["{contract.observation_key}"]: {"yes" if contract.observation_key in reads else "no"}'
    if contract.observation_key not in reads and policy.wants_observations:
        yield f"its {contract.spec_method} names {contract.observation_key}"
    yield f"writes outputs of a policy: {', '.join(sorted(filter(None, writes))) or 'none'}"
    yield f"calls of a recurrent core over time: {len(policy.cores)}"
    if policy.is_open:
        yield "open: code that is not followed may change what it is or does, so much is unknown"
    if not all(trace.complete for trace in policy.traces):
        yield "its forward is not followed to the end, so what it never does is unknown"


def _line(finding: Finding) -> str:
    return f"line {finding.line}: {finding.code} {finding.message}"
