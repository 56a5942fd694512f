"""What the texts of a project say, and which changes leave the answers as they are."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from policyfix.texts import Texts

PATHS = [Path("/project") / name for name in ("a.py", "b.py", "c.py", "d.yaml")]

LINES = ["lstm", "policy.state = 1", "self.state = 1", "dones truncateds", "dones", "x.state", ""]
texts = st.lists(st.sampled_from(LINES), max_size=3).map("\n".join)


def _answers(contents: dict[Path, str]) -> tuple[Texts, list[object]]:
    asked = Texts(lambda: list(contents), lambda path: contents[path].encode())
    answers: list[object] = [
        asked.assigns("state"),
        asked.assigns("memory"),
        asked.say(rb"lst[mn]", b"lst"),
        asked.say(rb"^x"),
        asked.others_say("/project/a.py", ("dones", "truncateds")),
        asked.others_say("/project/b.py", ("dones",), rb"state"),
        asked.files_with("dones", "truncateds"),
    ]
    return asked, answers


@given(st.tuples(*[texts] * 4), st.sampled_from(PATHS), texts)
def test_where_the_grounds_hold_the_answers_are_the_same(before, changed, text):
    contents = dict(zip(PATHS, before, strict=True))
    asked, answers = _answers(contents)
    if asked.grounds.hold(str(changed), text.encode()):
        assert _answers({**contents, changed: text})[1] == answers


def test_grounds_hold_where_a_file_says_nothing_that_was_asked_for():
    asked, answers = _answers({PATHS[0]: "policy.state = 1", PATHS[1]: "dones truncateds", PATHS[2]: "y"})
    assert answers == [True, False, False, False, True, False, [PATHS[1]]]
    assert asked.grounds.hold(str(PATHS[2]), b"z = 1")
    assert asked.grounds.hold(str(PATHS[2]), b"policy.state = 2")  # another file says so already
    assert not asked.grounds.hold(str(PATHS[2]), b"lstm")
    assert not asked.grounds.hold(str(PATHS[2]), b"dones truncateds")  # one more
    assert not asked.grounds.hold(str(PATHS[0]), b"policy.state = 1\nz = 1")  # the one that said so
    asked.grounds.followed.add(str(PATHS[2]))
    assert not asked.grounds.hold(str(PATHS[2]), b"z = 1")
