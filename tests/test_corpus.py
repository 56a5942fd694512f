"""The labelled corpus: that the labels are labels, and that the score is counted as it says."""

import re
from collections import Counter
from pathlib import Path

import pytest
from checkout import script

corpus = script("benchmarks/corpus.py")
REPOSITORIES = list(corpus.read())


def test_labels_come_from_many_hands():
    metta = {r.commit for r in REPOSITORIES if r.name == "Metta-AI/metta"}
    others = {r.name for r in REPOSITORIES} - {"Metta-AI/metta"}
    assert len(metta) >= 12
    assert len(others) >= 25
    assert len({(r.folder, label.path, label.name) for r in REPOSITORIES for label in r.labels}) >= 200


@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda r: r.folder)
def test_label(repository):
    assert re.fullmatch(r"[0-9a-f]{40}", repository.commit)
    spots = [(label.path, label.name) for label in repository.labels]
    assert len(spots) == len(set(spots))
    for label in repository.labels:
        codes = [code for wanted in label.codes for code in wanted.split("|")]
        assert all(re.fullmatch(r"PF[1-7]\d\d", code) for code in [*codes, *label.open])
        assert not {c for c in label.codes if "|" not in c} & label.open
        assert label.why
        assert Path(label.path).suffix in {".py", ".yaml"}


def _judge(found, silent=False):
    label = corpus.Label(
        "a.py",
        "A",
        frozenset({"PF101", "PF404|PF408"}),
        frozenset({"PF405"}),
        frozenset({("b.py", "Base")}),
        "because",
    )
    repository = corpus.Repository("o/n", "0" * 40, silent, (label,))
    scores = {digit: corpus.Score() for digit in corpus.FAMILIES}
    known = frozenset({"PF101", "PF102", "PF404", "PF405", "PF408"})
    spots = Counter(corpus.Spot(*spot) for spot in found)
    lines = list(corpus.judge(repository, spots, known, scores))
    return scores, [line.split()[:2] for line in lines]


def test_a_code_counts_at_the_class_at_its_base_and_as_either_of_two():
    scores, lines = _judge([("b.py", "Base", "PF101"), ("a.py", "A", "PF408"), ("a.py", "A", "PF405")])
    assert lines == []
    assert (scores["1"].hits, scores["4"].hits, scores["4"].alarms) == (1, 1, 0)
    assert scores["1"].precision == scores["1"].recall == "1.000"


def test_what_is_not_reported_is_a_miss():
    scores, lines = _judge([("c.py", "A", "PF101")])
    assert sorted(lines) == [["MISS", "PF101"], ["MISS", "PF404|PF408"], ["unread", "PF101"]]
    assert scores["1"].recall == "0.000"
    assert scores["2"].recall == "-"


def test_what_no_label_asks_for_is_a_false_alarm_there_and_in_silent_repositories():
    found = [
        ("a.py", "A", "PF101"),
        ("a.py", "A", "PF404"),
        ("a.py", "A", "PF102"),
        ("c.py", "C", "PF102"),
    ]
    scores, lines = _judge(found)
    assert lines == [["ALARM", "PF102"], ["unread", "PF102"]]
    assert scores["1"].precision == "0.500"
    scores, lines = _judge(found, silent=True)
    assert lines == [["ALARM", "PF102"], ["ALARM", "PF102"]]
