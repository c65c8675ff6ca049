"""Where names stand beside their points, so that they hide nothing."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# Sides of the point, in the order they are tried, and from where its words go on. A
# rising curve leaves room above on the left and below on the right, a falling one in
# the other two corners.
_SIDES = (
    ("end", -1, -1),
    ("start", 1, 1),
    ("start", 1, -1),
    ("end", -1, 1),
    ("end", -1, 0),
    ("start", 1, 0),
    ("middle", 0, -1),
    ("middle", 0, 1),
)


_BETWEEN = 4


class Box(NamedTuple):
    """A rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether the two have a part in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "Box") -> bool:
        """Whether the other lies within."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


class Name(NamedTuple):
    """The size of a name, the point it belongs to, and how far it keeps from it."""

    x: float
    y: float
    width: float
    height: float
    gap: float = 5


class Spot(NamedTuple):
    """Where a name stands, and which end of it is at its point."""

    box: Box
    anchor: str


def place(
    names: Iterable[Name],
    points: Sequence[tuple[float, float]],
    lines: Iterable[Sequence[tuple[float, float]]],
    area: Box,
    taken: Iterable[Box] = (),
    radius: float = 5,
) -> list[Spot | None]:
    """Finds a spot beside its point for every name, those first that come first.

    A name stands in the area, and on no other name, no point and no line.

    >>> place([Name(50, 50, 30, 10)], [(50, 50)], [], Box(0, 0, 100, 100))
    [Spot(box=Box(left=15.0, top=35.0, right=45.0, bottom=45.0), anchor='end')]

    Args:
        names: What is to be placed.
        points: Where points are drawn.
        lines: What is drawn through them, each as its corners.
        area: Where names may stand.
        taken: Where other words are.
        radius: How large points are drawn.

    Returns:
        As many spots; None for a name for which no side of its point is free.
    """
    dots = [_around(x, y, radius) for x, y in points]
    strokes = [_around(x, y, 3) for line in lines for x, y in _along(line)]
    taken, spots = [*taken, *dots, *strokes], []
    for name in names:
        free = (
            spot
            for spot in _sides(name)
            if area.holds(spot.box) and not any(map(spot.box.meets, taken))
        )
        spot = next(free, None)
        spots.append(spot)
        if spot:
            left, top, right, bottom = spot.box
            # Two names side by side are not to be read as one.
            taken.append(Box(left - _BETWEEN, top, right + _BETWEEN, bottom))
    return spots


def _sides(name: Name) -> Iterator[Spot]:
    for anchor, across, down in _SIDES:
        # A corner is farther than a side at the same gap: both look alike so.
        gap = name.gap if across and down else 1.4 * name.gap
        left = name.x + across * gap + (across - 1) / 2 * name.width
        top = name.y + down * gap + (down - 1) / 2 * name.height
        yield Spot(Box(left, top, left + name.width, top + name.height), anchor)


def _around(x: float, y: float, radius: float) -> Box:
    return Box(x - radius, y - radius, x + radius, y + radius)


def _along(line: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Points on a line, two pixels apart."""
    for (x, y), (end_x, end_y) in zip(line, line[1:], strict=False):
        steps = max(math.ceil(math.hypot(end_x - x, end_y - y) / 2), 1)
        for step in range(steps + 1):
            share = step / steps
            yield x + share * (end_x - x), y + share * (end_y - y)
