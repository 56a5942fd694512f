"""Comments that silence: which lines each speaks of, and what is merely text."""

from __future__ import annotations

import pytest

from policyfix.suppressions import read

CODE = """\
import torch

value = compute(
    1,  # policyfix: ignore[PF101] -- inside
    2,
)
other = 3  # policyfix: ignore[PF102]

# policyfix: ignore[PF103] -- on a line of its own
third = (
    4
)


# policyfix: ignore[PF104]
@decorated
@decorated(1,
           2)
class A(Base,
        Other):  # policyfix: ignore[PF105]

    def f(self):  # policyfix: ignore[PF106]
        if x:
            return 1
        # policyfix: ignore[PF107]

    async def g(self): return 1  # policyfix: ignore[PF108]

    h = 1


last = 1
# policyfix: file-ignore[PF109]
# policyfix: ignore[PF110]
"""


def extents(text: str) -> dict[str, tuple[int, int]]:
    return {s.names[0]: (s.first, s.last) for s in read(text) if s.names}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_comment_speaks_of_its_statement_its_block_or_the_next_statement(newline: str) -> None:
    found = extents(CODE.replace("\n", newline))
    assert found == {
        "PF101": (3, 6),
        "PF102": (7, 7),
        "PF103": (10, 12),
        "PF104": (16, 29),
        "PF105": (19, 29),
        "PF106": (22, 24),
        "PF107": (27, 27),
        "PF108": (27, 27),
        "PF109": (1, 2**31),
        "PF110": (1, 0),
    }


def test_names_reasons_and_places_are_read() -> None:
    text = "é = 1  # noqa  #policyfix:ignore[ PF101 ,missing-stamps ]  --  see #12: kept # later"
    (found,) = read(text)
    assert found.names == ("PF101", "missing-stamps")
    assert found.reason == "see #12: kept"
    assert text[found.range[1] - 1 : found.range[3] - 1] == (
        "#policyfix:ignore[ PF101 ,missing-stamps ]  --  see #12: kept"
    )


def test_two_comments_in_one_are_two() -> None:
    first, second = read("x = 1  # policyfix: ignore[PF101] -- a  # policyfix: ignore[PF102] -- b\n")
    assert (first.names, first.reason, second.names, second.reason) == (("PF101",), "a", ("PF102",), "b")


@pytest.mark.parametrize(
    "text",
    [
        'x = "# policyfix: ignore[PF101]"\n',
        '"""\n# policyfix: ignore[PF101]\n"""\n',
        "x = f'''\n# policyfix: ignore[PF101] {1}\n'''\n",
        "# about policyfix: ignore what it says\n",
        "# policyfix: see its manual\n",
        "x = 1  # type: ignore[PF101]\n",
        "def broken(:\n    '''# policyfix: ignore[PF101]\n",
        "",
    ],
)
def test_text_is_no_suppression(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("ignore", "names no rule"),
        ("ignore[]", "names no rule"),
        ("ignroe[PF101]", "policyfix: ignroe is not understood; did you mean ignore?"),
        ("file-ingore[PF101]", "did you mean file-ignore?"),
        ("ignore[PF101] because", "write -- before the reason"),
        ("ignore[PF101] --", "write -- before the reason"),
    ],
)
def test_what_is_not_well_formed_silences_nothing_and_says_why(comment: str, said: str) -> None:
    (found,) = read(f"x = 1  # policyfix: {comment}\n")
    assert found.trouble is not None
    assert said in found.trouble
    assert not found.covers(1)


def test_a_comment_at_the_end_without_a_newline() -> None:
    assert extents("x = 1\n# policyfix: ignore[PF101]") == {"PF101": (1, 0)}
    assert extents("x = 1  # policyfix: ignore[PF101]") == {"PF101": (1, 1)}
