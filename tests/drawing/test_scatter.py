"""Points in the plane: where they lie, what is written beside them, and what they say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from imggen.drawing import scatter
from imggen.drawing.scatter import Axis, Point

PLAIN = Axis("x", "{:g}".format)


def points(n: int) -> list[Point]:
    return [
        Point(f"p{i}", (f"<{i}>", "b"), (i, i, i), (10.0**i, 10.0**i, 10.0**i), "kind", f"#{i}")
        for i in range(n)
    ]


def drawn(found: list[Point]) -> str:
    up = Axis("y", "{:g}".format, floor=0.1, logarithmic=True)
    return scatter.scatter(found, PLAIN, up, {"kind": "red"}, "a & b")


def test_the_same_points_give_the_same_well_formed_picture():
    made = drawn(points(4))
    assert made == drawn(points(4))
    tree = ElementTree.fromstring(made)
    assert tree.get("aria-label") == "a & b"
    assert [link.get("aria-label") for link in tree.iter("a")] == [f"<{i}>. b" for i in range(4)]


def test_powers_of_ten_lie_on_a_line_where_one_axis_is_logarithmic():
    at = re.findall(r'class="point" transform="translate\(([\d.]+) ([\d.]+)\)', drawn(points(4)))
    x, y = ([float(pair[n]) for pair in at] for n in (0, 1))
    steps = [(x[i + 1] - x[i], y[i] - y[i + 1]) for i in range(3)]
    for across, up in steps:
        assert across == pytest.approx(steps[0][0], abs=0.11) and across > 0
        assert up == pytest.approx(steps[0][1], abs=0.11) and up > 0


def test_one_point_has_a_place():
    assert "nan" not in drawn(points(1))


@pytest.mark.parametrize(
    ("axis", "low", "high", "ticks"),
    [
        (PLAIN, 0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (Axis("", str, logarithmic=True), 0.9, 60.0, [1, 2, 5, 10, 20, 50]),
        (Axis("", str, logarithmic=True), 0.5, 2e4, [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4]),
        (Axis("", str, logarithmic=True), 1e3, 1e9, [10.0**k for k in range(3, 10)]),
    ],
)
def test_ticks_are_round_and_few(axis, low, high, ticks):
    found = axis.ticks(low, high)
    few = [tick for tick in ticks if len(ticks) <= scatter.MOST_TICKS] or [
        10.0**k for k in range(5)
    ]
    assert found == pytest.approx(few)


def test_names_lie_on_no_other_name_and_on_no_mark():
    marks = [(200.0 + 3 * (i % 4), 150.0 + 4 * i, f"name-{i}") for i in range(12)]
    placed = scatter.labels(marks, [(230.0, 150.0)])
    assert any(placed) and len(placed) == 12
    boxes = []
    for where, (_, _, name) in zip(placed, marks, strict=True):
        if where is not None:
            width = scatter.LETTER * len(name)
            left = where.x - width if where.ends else where.x
            boxes.append((left, where.y - 9, left + width, where.y + 2))
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= scatter.LEFT and right <= scatter.WIDTH
        for other in boxes[:number]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert apart
        for x, y, _ in marks:
            assert not (left < x < right and top < y < bottom)
