"""A cost-accuracy chart, laid out: what stands where, for the page to draw."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from keras_dynres import text
from keras_dynres.evaluation.curves import AVERAGE, Curve, Point, cost_text


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
    average = any(line.average for line in curves)
    columns = ticks(0, plane.most_x, 4 if size[0] < 500 else 7)
    unit = 100 if text.is_share(metric) else 1
    rows = ticks(unit * plane.ys[0], unit * plane.ys[1], 8)
    colors = [*colors, *(line.label for line in curves)]
    first = {p.name: p for p in (*curves[0].front, *curves[0].beaten)}
    return Drawing(
        area=plane.area,
        label=label,
        title_x=text.axis(x) + (AVERAGE if average else ""),
        title_y=text.axis(metric),
        columns=[(plane.x(v), text.tick(v, x, columns[-1])) for v in columns],
        rows=[(plane.y(value / unit), f"{value:g}") for value in rows],
        budget=None if budget is None else _budget(plane, budget, x),
        series=[
            _series(plane, line, f"s{colors.index(line.label) % 6}", x, metric)
            for line in curves
        ],
        ring=plane.at(first[chosen]) if chosen in first else None,
        labels=_labels(plane, curves[0], first, chosen),
    )


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


def _labels(plane, line, points, chosen):
    """Names above and left of their points: a rising curve leaves room there."""
    taken, labels = [], []
    named = [points.get(chosen), *line.front[:1], *line.front[-1:], points.get("full")]
    for point in dict.fromkeys(p for p in named if p):
        (x, y), width = plane.at(point), 7 * len(point.name)
        end = max(x - 7, plane.area.left + 4 + width)
        if any(abs(y - b) < 15 and a < end and end - width < c for a, b, c in taken):
            continue
        taken.append((end - width, y, end))
        labels.append(Label(point.name, end, y - 10, "end", point.name == chosen))
    return labels
