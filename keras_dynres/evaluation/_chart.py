"""A cost-accuracy chart, laid out: what stands where, for the page to draw."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from keras_dynres import text
from keras_dynres.evaluation._labels import Box, Name, place
from keras_dynres.evaluation.curves import AVERAGE, Curve, Point, cost_text
from keras_dynres.instance import FULL

# A character's width in the page's fonts, and the height of a line, in pixels; not less
# than the widest of the usual fonts need.
REGULAR, BOLD, HEIGHT, DESCENT = 7.6, 8.4, 14, 3
# As many as `chart.css` has.
COLORS = 6


class Area(NamedTuple):
    """The picture's size, and where in it the values lie, in the page's pixels."""

    width: int
    height: int
    left: int = 56
    top: int = 14

    @property
    def right(self) -> int:
        """Where the axis of costs ends."""
        return self.width - 18

    @property
    def bottom(self) -> int:
        """Where the axis of costs lies."""
        return self.height - 46


class Label(NamedTuple):
    """Words in a chart; `x` and `y` are where they end, start or have their middle."""

    text: str
    x: float
    y: float
    anchor: str
    chosen: bool = False


class Budget(NamedTuple):
    """The line of a budget, and what is written beside it."""

    x: float
    label: Label


class Dot(NamedTuple):
    """An instance; `kind` says whether it is on the front or beaten."""

    x: float
    y: float
    kind: str
    tip: str


class Series(NamedTuple):
    """The instances of a menu, and the line along its front."""

    color: str
    line: list
    dots: list


class Drawing(NamedTuple):
    """All of a chart."""

    area: Area
    label: str
    title_x: str
    title_y: str
    columns: list
    rows: list
    budget: Budget | None
    series: list
    ring: tuple | None
    labels: list


def chart(
    curves: Sequence[Curve],
    x: str,
    metric: str,
    label: str,
    size: tuple[int, int] = (720, 360),
    chosen: str | None = None,
    budget: float | None = None,
    colors: Sequence[str] = (),
) -> Drawing:
    """Lays `Curve`s out; the chosen instance of the first has a ring.

    Args:
        curves: `Curve`s, at least one of them with points.
        x: The cost on the axis.
        metric: What goes up.
        label: What the chart shows, for those who cannot see it.
        size: Width and height, in the page's pixels.
        chosen: Name of the instance to ring.
        budget: Where to draw the budget's line.
        colors: The labels of all menus, so that each keeps its colour.
    """
    plane = _Plane(Area(*size), curves, metric, budget)
    average = any(one.average for one in curves)
    narrow = size[0] < 500
    columns = ticks(0, plane.most_x, 4 if narrow else 7)
    unit = 100 if text.is_share(metric) else 1
    rows = ticks(unit * plane.ys[0], unit * plane.ys[1], 8)
    colors = [*colors, *(one.label for one in curves)]
    first = {p.name: p for p in (*curves[0].front, *curves[0].beaten)}
    line = None if budget is None else _budget(plane, budget, x)
    series = [
        _series(plane, one, color(colors.index(one.label)), x, metric) for one in curves
    ]
    return Drawing(
        area=plane.area,
        label=label,
        title_x=f"{text.head(x) if narrow else text.axis(x)}{AVERAGE}"
        if average
        else text.axis(x),
        title_y=text.axis(metric),
        columns=[(plane.x(v), text.tick(v, x, columns[-1])) for v in columns],
        rows=[(plane.y(value / unit), f"{value:g}") for value in rows],
        budget=line,
        series=series,
        ring=plane.at(first[chosen]) if chosen in first else None,
        labels=_labels(plane, curves, series, line, chosen),
    )


def color(number: int) -> str:
    """The classes of a menu's colour; after the last one dots are hollow, lines dashed.

    >>> color(1), color(7)
    ('s1', 's1 again')
    """
    again = " again" if number // COLORS % 2 else ""
    return f"s{number % COLORS}{again}"


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high`, `most` of them at most.

    >>> ticks(0, 41, 5)
    [0, 10, 20, 30, 40]
    """
    span = max(high - low, 1e-12)
    power = 10 ** math.floor(math.log10(span / most))
    steps = (power * m for m in (1, 2, 2.5, 5, 10, 20))
    step = next(s for s in steps if span / s <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = (round(i * step, 12) for i in range(first, last + 1))
    return [int(v) if v == int(v) else v for v in values]


class _Plane:
    """Where a value stands in the area."""

    def __init__(
        self, area: Area, curves: Sequence[Curve], metric: str, budget: float | None
    ):
        points = [p for line in curves for p in (*line.front, *line.beaten)]
        most = max([p.x for p in points] + ([] if budget is None else [budget]))
        low, high = min(p.y for p in points), max(p.y for p in points)
        least = 0.004 * (1 if text.is_share(metric) else abs(high))
        gap = 0.12 * max(high - low, least) or 1
        self.area, self.most_x = area, 1.02 * most
        self.xs, self.ys = (0, 1.06 * most), (low - gap, high + gap)

    def x(self, value: float) -> float:
        share = (value - self.xs[0]) / (self.xs[1] - self.xs[0])
        return round(self.area.left + share * (self.area.right - self.area.left), 1)

    def y(self, value: float) -> float:
        share = (value - self.ys[0]) / (self.ys[1] - self.ys[0])
        return round(self.area.bottom - share * (self.area.bottom - self.area.top), 1)

    def at(self, point: Point) -> tuple[float, float]:
        return self.x(point.x), self.y(point.y)


def _budget(plane, budget, x):
    at, area = plane.x(budget), plane.area
    before = at > (area.left + area.right) / 2
    place = at - 6 if before else at + 6
    words = f"budget {text.cost(budget, x)}"
    label = Label(words, place, area.bottom - 8, "end" if before else "start")
    return Budget(at, label)


def _series(plane, line, color, x, metric):
    dots = [
        Dot(
            *plane.at(point),
            kind,
            f"{point.name}: {text.figure(point.y, metric)} at "
            + cost_text(point.x, x, point.average),
        )
        for kind, points in (("beaten", line.beaten), ("front", line.front))
        for point in points
    ]
    front = [plane.at(point) for point in line.front]
    return Series(color, front if len(front) > 1 else [], dots)


def _labels(plane, curves, series, budget, chosen):
    """Names of the first menu's front and of `full`, as many as find room."""
    line = curves[0]
    points = {p.name: p for p in (*line.front, *line.beaten)}
    wanted = (chosen, *(p.name for p in (*line.front[:1], *line.front[-1:])), FULL)
    front = [p.name for p in line.front]
    named = [n for n in dict.fromkeys([*wanted, *front]) if n in points]
    names = [
        Name(
            *plane.at(points[name]),
            width=len(name) * (BOLD if name == chosen else REGULAR),
            height=HEIGHT,
            gap=9 if name == chosen else 5,
        )
        for name in named
    ]
    area, lines, taken = plane.area, [one.line for one in series], []
    if budget:
        lines.append([(budget.x, area.top), (budget.x, area.bottom)])
        width = len(budget.label.text) * REGULAR
        left = budget.label.x - (width if budget.label.anchor == "end" else 0)
        taken = [Box(left, area.bottom - 20, left + width, area.bottom)]
    dots = [(dot.x, dot.y) for one in series for dot in one.dots]
    room = Box(area.left, 0, area.width, area.bottom)
    spots = place(names, dots, lines, room, taken)
    return [
        _written(name, spot, name == chosen)
        for name, spot in zip(named, spots, strict=True)
        if spot
    ]


def _written(name, spot, chosen):
    left, _, right, bottom = spot.box
    x = {"end": right, "start": left, "middle": (left + right) / 2}[spot.anchor]
    return Label(name, round(x, 1), round(bottom - DESCENT, 1), spot.anchor, chosen)
