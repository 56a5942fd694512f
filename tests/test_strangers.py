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
    "abel": {
        ("PF209", "abel/zoo.py::TwoStory"),  # two cells, whatever `num_layers` says
    },
    "bruno": {
        ("PF210", "agents/old_attn.py::OldAttn"),
    },
    "chen": {
        ("PF209", "conf/agent/mlp.yaml::*"),
        ("PF503", "griddy/agent.py::Agent"),
    },
    "dagny": {
        ("PF204", "agents/twin.py::TwinPair"),  # cores in an `nn.ModuleDict`
        ("PF211", "agents/twin.py::TwinLong"),  # likewise
    },
    "edda": {
        ("PF107", "edda/agents/variants.py::Greedy"),
    },
    "gideon": {
        ("PF502", "gideon/lib/observations.py::TokensToPlane"),  # components built by names from a config
        ("PF509", "gideon/lib/observations.py::TokenFeatures"),  # likewise
        ("PF512", "gideon/lib/observations.py::TokenPool"),  # likewise
    },
    "gosia": {
        ("PF103", "lab/agents.py::Mixed"),
        ("PF506", "lab/agents.py::Mixed"),
        ("PF704", "lab/agents.py::Mixed"),
    },
    "hugo": {
        ("PF604", "ppo/single.py::learn"),
    },
    "ivar": {
        ("PF601", "ivar/evaluate.py::watch"),  # the trainer comes out of a table
    },
    "jarek": {
        ("PF503", "agent/src/metta/agent/pytorch/gru_agent.py::GruAgent"),  # its own table, filled in a loop
    },
    "jonas": {
        ("PF302", "kit/policies/small.py::Sparrow"),
        ("PF510", "kit/policies/small.py::Sparrow"),
    },
    "juna": {
        ("PF601", "train_a2c.py::train_online"),  # called with what another file makes
        ("PF603", "updates.py::a2c_update_halves"),
    },
    "lars": {
        ("PF506", "brains/puffer.py::Puffer"),
    },
    "petra": {
        ("PF604", "kite/rl/lean.py::LeanTrainer"),  # rollouts of a mixin in another file
    },
    "pia": {
        ("PF510", "crew/factored.py::Summed"),  # a list of layers that grows
    },
    "priya": {
        ("PF102", "gridnets/compact.py::CompactAgent"),  # PF103 says it: outputs and stamps both go nowhere
    },
    "silas": {
        ("PF209", "agent_heads.py::RDeep"),
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
