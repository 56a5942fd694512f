"""Records behave as frozen dataclasses do, but for what their docstring says."""

import pickle
from dataclasses import asdict, fields, replace
from typing import ClassVar

import pytest

from policyfix.record import record


@record()
class Point:
    x: int
    y: int = 0
    name: ClassVar[str] = "point"

    @property
    def total(self) -> int:
        return self.x + self.y


@record()
class Line:
    points: "tuple[Point, ...]"
    _length: "int | None" = None


@record(eq=False)
class Named:
    name: str


def test_fields_are_given_by_place_or_by_name() -> None:
    assert (Point(1).total, Point(1, 2).total, Point(y=2, x=3).total, Point.name) == (1, 3, 5, "point")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point(y=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=2)  # type: ignore[call-arg]


def test_what_they_hold_decides_whether_they_are_equal() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(2, 1)
    assert len({Line((Point(1),)), Line((Point(1),), 3), Line((Point(2),))}) == 2
    assert Point(1) != (1, 0)
    assert Named("a") != Named("a")


def test_they_hold_nothing_but_their_fields() -> None:
    assert Point.__slots__ == Point.__match_args__ == ("x", "y")
    assert not hasattr(Point(1), "__dict__")
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_they_are_shown_as_they_are_written() -> None:
    assert repr(Line((Point(1),), 4)) == "Line(points=(Point(x=1, y=0),), _length=4)"


def test_they_survive_a_pickle() -> None:
    line = Line((Point(1), Point(2)), 1)
    again = pickle.loads(pickle.dumps(line))
    assert again == line
    assert again._length == 1


def test_dataclasses_knows_them() -> None:
    assert replace(Point(1, 2), x=5) == Point(5, 2)
    assert [field.name for field in fields(Point)] == ["x", "y"]  # type: ignore[arg-type]
    assert asdict(Line((Point(1),))) == {"points": ({"x": 1, "y": 0},), "_length": None}  # type: ignore[call-overload]


def test_a_default_before_a_field_without_one_is_refused() -> None:
    with pytest.raises(AssertionError, match="follows"):

        @record()
        class Wrong:
            x: int = 0
            y: int
