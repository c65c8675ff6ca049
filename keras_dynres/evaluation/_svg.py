"""A cost-accuracy chart as inline SVG that follows the page's colours."""

import math
from collections.abc import Sequence
from html import escape

from keras_dynres import text
from keras_dynres.evaluation.curves import AVERAGE, Curve, cost_text

LEFT, RIGHT, TOP, BOTTOM = 56, 18, 14, 46


def chart(
    curves: Sequence[Curve],
    x: str,
    metric: str,
    label: str,
    size: tuple[int, int] = (720, 360),
    chosen: str | None = None,
    budget: float | None = None,
    colors: Sequence[str] = (),
) -> str:
    """Draws `Curve`s; beaten instances faint, the chosen one of the first ringed.

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
    points = [p for c in curves for p in (*c.front, *c.beaten)]
    xs = [p.x for p in points] + ([budget] if budget is not None else [])
    ticks_x = ticks(0, max(xs) * 1.02, 4 if size[0] < 500 else 7)
    low, high = min(p.y for p in points), max(p.y for p in points)
    gap = 0.12 * max(high - low, 0.004 * (1 if text.is_share(metric) else abs(high)))
    ys = (low - gap, high + gap) if gap else (low - 1, high + 1)
    unit = 100 if text.is_share(metric) else 1
    ticks_y = {value: value / unit for value in ticks(unit * ys[0], unit * ys[1], 8)}
    area = _Area(size, (0, max(xs) * 1.06), ys)
    average = any(line.average for line in curves)
    titles = text.axis(x) + (AVERAGE if average else ""), text.axis(metric)
    parts = [*_grid(area, ticks_x, ticks_y, x, titles)]
    if budget is not None:
        parts.append(_budget_line(area, budget, x))
    colors = [*colors, *(c.label for c in curves)]
    for line in curves:
        parts += _series(area, line, colors.index(line.label), x, metric)
    first = {p.name: p for p in (*curves[0].front, *curves[0].beaten)}
    if chosen in first:
        parts.append(_ring(area, first[chosen]))
    ends = [*curves[0].front[:1], *curves[0].front[-1:]]
    named = [first.get(chosen), *ends, first.get("full")]
    parts += _names(area, [p for p in named if p], first.get(chosen))
    width, height = size
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
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


class _Area:
    """Where a value stands on the page."""

    def __init__(self, size: tuple, xs: tuple, ys: tuple):
        self.right, self.bottom = size[0] - RIGHT, size[1] - BOTTOM
        self.xs, self.ys = xs, ys

    def x(self, value: float) -> float:
        share = (value - self.xs[0]) / (self.xs[1] - self.xs[0])
        return round(LEFT + share * (self.right - LEFT), 1)

    def y(self, value: float) -> float:
        share = (value - self.ys[0]) / (self.ys[1] - self.ys[0])
        return round(self.bottom - share * (self.bottom - TOP), 1)


def _grid(area, ticks_x, ticks_y, x, titles):
    for tick, height in ticks_y.items():
        y = area.y(height)
        yield f'<path class="grid" d="M{LEFT} {y}H{area.right}"/>'
        yield f'<text class="end" x="{LEFT - 7}" y="{y + 4}">{tick:g}</text>'
    yield f'<path class="axis" d="M{LEFT} {area.bottom}H{area.right}"/>'
    for tick in ticks_x:
        at, label = area.x(tick), text.tick(tick, x, ticks_x[-1])
        yield f'<path class="axis" d="M{at} {area.bottom}v5"/>'
        yield f'<text class="mid" x="{at}" y="{area.bottom + 19}">{label}</text>'
    middle = (LEFT + area.right) / 2
    title = escape(titles[0])
    yield f'<text class="mid" x="{middle}" y="{area.bottom + 39}">{title}</text>'
    height = (TOP + area.bottom) / 2
    turn = f'transform="rotate(-90 11 {height})"'
    title = escape(titles[1])
    yield f'<text class="mid" x="11" y="{height + 4}" {turn}>{title}</text>'


def _budget_line(area, budget, x):
    at = area.x(budget)
    side = "end" if at > (LEFT + area.right) / 2 else "start"
    shift = -6 if side == "end" else 6
    return (
        f'<path class="budget" d="M{at} {TOP}V{area.bottom}"/>'
        f'<text class="budget {side}" x="{at + shift}" y="{area.bottom - 8}">'
        f"budget {text.cost(budget, x)}</text>"
    )


def _series(area, curve, index, x, metric):
    color = f"s{index % 6}"
    if len(curve.front) > 1:
        line = " ".join(f"{area.x(p.x)},{area.y(p.y)}" for p in curve.front)
        yield f'<polyline class="line {color}" points="{line}"/>'
    for kind, points in (("beaten", curve.beaten), ("front", curve.front)):
        for p in points:
            price = cost_text(p.x, x, p.average)
            tip = f"{p.name}: {text.figure(p.y, metric)} at {price}"
            yield (
                f'<circle class="{kind} {color}" cx="{area.x(p.x)}" '
                f'cy="{area.y(p.y)}" r="4"><title>{escape(tip)}</title></circle>'
            )


def _ring(area, point):
    return f'<circle class="ring" cx="{area.x(point.x)}" cy="{area.y(point.y)}" r="8"/>'


def _names(area, points, chosen):
    """Writes names above and left of their points: a rising curve leaves room there."""
    taken = []
    for point in dict.fromkeys(points):
        x, y, width = area.x(point.x), area.y(point.y), 7 * len(point.name)
        end = max(x - 7, LEFT + 4 + width)
        if any(abs(y - b) < 15 and a < end and end - width < c for a, b, c in taken):
            continue
        taken.append((end - width, y, end))
        weight = " chosen" if point is chosen else ""
        yield (
            f'<text class="name end{weight}" x="{end}" y="{y - 10}">'
            f"{escape(point.name)}</text>"
        )
