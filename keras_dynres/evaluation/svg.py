"""A cost-accuracy chart as a file of its own, readable in light and dark."""

from collections.abc import Sequence
from typing import NamedTuple

from keras_dynres.evaluation._chart import REGULAR, chart, color
from keras_dynres.evaluation._templates import render
from keras_dynres.evaluation.curves import Curve

# A line of the legend; before its first, its dots, and between two of its entries.
_LINE, _TOP, _DOT, _BETWEEN = 20, 22, 14, 22


class Key(NamedTuple):
    """An entry of the legend: a colour and what it stands for."""

    x: float
    y: float
    color: str
    text: str


def svg(
    curves: Sequence[Curve],
    x: str,
    metric: str,
    label: str,
    size: tuple[int, int] = (720, 400),
    chosen: str | None = None,
) -> str:
    """Draws `Curve`s with a legend above them.

    The file loads nothing, and takes its colours from what the reader prefers, light
    or dark. Equal curves make an equal file.

    >>> from keras_dynres.evaluation import Point
    >>> points = (Point("half", 5e6, 0.8), Point("full", 1e7, 0.9))
    >>> drawn = svg([Curve("net", points, (), ())], "macs", "accuracy", "Two instances")
    >>> drawn.startswith("<svg"), drawn.count("<circle")
    (True, 3)

    Args:
        curves: `Curve`s, at least one of them with points.
        x: The cost on the axis.
        metric: What goes up.
        label: What the chart shows, for those who cannot see it.
        size: Width and height without the legend.
        chosen: Name of an instance of the first curve, to ring.

    Returns:
        The text of an SVG file.
    """
    keys = _legend([curve.label for curve in curves], size[0])
    return render(
        "file.svg.jinja",
        drawing=chart(curves, x, metric, label, size, chosen),
        keys=keys,
        top=keys[-1].y + _LINE / 2,
    )


def _legend(labels: Sequence[str], width: int) -> list[Key]:
    """The entries in lines, as many in one as there is room for."""
    keys, left, y = [], _TOP, _TOP
    for number, label in enumerate(labels):
        wide = _DOT + REGULAR * len(label)
        if left > _TOP and left + wide > width:
            left, y = _TOP, y + _LINE
        keys.append(Key(round(left, 1), y, color(number), label))
        left += wide + _BETWEEN
    return keys
