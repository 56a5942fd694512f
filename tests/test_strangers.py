"""Policies as strangers would write them: what is wrong with each is found, and nothing else."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from checkout import script

from policyfix import contract, engine

TREES = Path(__file__).parent / "data" / "strangers"
corpus = script("benchmarks/corpus.py")
REPOSITORIES = [repository for labels in sorted(TREES.glob("*.yaml")) for repository in corpus.read(labels)]
# What is asked for and not seen, with the reason.
KNOWN_MISSES: dict[str, set[tuple[str, str]]] = {
    "bruno": {
        ("PF210", "agents/old_attn.py::OldAttn"),
    },
    "chen": {
        ("PF209", "conf/agent/mlp.yaml::*"),
        ("PF503", "griddy/agent.py::Agent"),
    },
    "gosia": {
        ("PF103", "lab/agents.py::Mixed"),
        ("PF506", "lab/agents.py::Mixed"),
        ("PF704", "lab/agents.py::Mixed"),
    },
    "hugo": {
        ("PF604", "ppo/single.py::learn"),
    },
    "jarek": {
        ("PF503", "agent/src/metta/agent/pytorch/gru_agent.py::GruAgent"),  # its own table, filled in a loop
    },
    "jonas": {
        ("PF302", "kit/policies/small.py::Sparrow"),
        ("PF510", "kit/policies/small.py::Sparrow"),
    },
    "lars": {
        ("PF506", "brains/puffer.py::Puffer"),
    },
    "petra": {
        ("PF604", "kite/rl/lean.py::LeanTrainer"),  # rollouts of a mixin in another file
    },
    "priya": {
        ("PF102", "gridnets/compact.py::CompactAgent"),  # PF103 says it: outputs and stamps both go nowhere
    },
    "tove": {
        ("PF202", "agents/solid.py::Spare"),  # `type(pair)(h, c)`
    },
    "ulla": {
        ("PF303", "wader/agents/egret.py::Egret"),  # its range never arrives: PF302 says so
    },
    "xavier": {
        ("PF305", "rig/parts/dense.py::Dense"),
    },
    "yara": {
        ("PF211", "herbs/fennel.py::Fennel"),
    },
}


def test_every_tree_is_labelled():
    assert {r.name for r in REPOSITORIES} == {path.name for path in TREES.iterdir() if path.is_dir()}
    assert all(r.silent for r in REPOSITORIES)


@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda r: r.name)
def test_findings_are_the_labels(repository, tmp_path, monkeypatch):
    # A repository of its own: what the files around it say counts.
    shutil.copytree(TREES / repository.name, tmp_path / repository.name)
    (tmp_path / repository.name / ".git").mkdir()
    monkeypatch.chdir(tmp_path / repository.name)
    result = engine.check([Path()], contract.load())
    assert not result.problems
    found = Counter(corpus.Spot(f.path, corpus._holder(f.path, f.symbol), f.code) for f in result.findings)
    scores = {digit: corpus.Score() for digit in corpus.FAMILIES}
    lines = [line.split() for line in corpus.judge(repository, found, corpus.known_codes(), scores)]
    assert [line for line in lines if line[0] != "MISS"] == []
    missed = {(code, where.partition("/")[2].rstrip(":")) for _, code, where, *_ in lines}
    assert missed == KNOWN_MISSES.get(repository.name, set())
