"""What pictures of dense answers are made of: a grid of panels, colours, a legend."""

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres.evaluation._pixels import bare, draw
from keras_dynres.evaluation.prediction import graphs_of
from keras_dynres.instance import FULL

# Neighbours differ in hue and in lightness; after them come hues by the golden angle.
_COLORS = (
    *("#3b7dd8", "#b5362a", "#e8c32e", "#8a5cb8", "#e58fc0", "#2f9a45", "#f07f1d"),
    *("#6b4a2e", "#38c4c9", "#d9298a", "#b9d65a", "#1f3f8f", "#f5b79a", "#7b7b2a"),
)
_GOLDEN = 0.618034


def graphs(model: Any, instances: Sequence[str] | None) -> dict[str, keras.Model]:
    """The networks that have a panel each: by default `full`, of a dict all."""
    if instances is None and not isinstance(model, Mapping):
        instances = [FULL]
    return graphs_of(model, instances)[0]


def class_color(kind: int) -> tuple[float, float, float]:
    """The colour of a class, red, green and blue of 0 to 1."""
    if kind < len(_COLORS):
        code = _COLORS[kind]
        return tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return colorsys.hsv_to_rgb(kind * _GOLDEN % 1, 0.55 + kind % 3 * 0.2, 0.85)


def class_name(kind: int, label_names: Sequence[str] | None) -> str:
    """What a class is called."""
    if label_names is not None and kind < len(label_names):
        return str(label_names[kind]).replace("_", " ")
    return f"class {kind}"


def grid(
    pictures: Sequence[np.ndarray], columns: int, width: float, title: str | None
) -> tuple[Any, np.ndarray]:
    """A figure with a row of panels for each picture, the picture in all of them.

    Args:
        pictures: Pixels in 0..1, all of one size.
        columns: Panels of a row.
        width: That of a panel, in inches.
        title: The figure's title.

    Returns:
        The figure, and the panels' axes, `(pictures, columns)`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, across = pictures[0].shape[:2]
    row = width * height / across + 0.2
    rest = 0.55 if title else 0.3
    figure = Figure(figsize=(width * columns + 0.1, row * len(pictures) + rest))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.03)
    if title:
        figure.suptitle(title, fontsize=11)
    panels = figure.subplots(len(pictures), columns, squeeze=False)
    for axes, picture in zip(panels, pictures, strict=True):
        for one in axes:
            bare(one)
            draw(one, picture)
    return figure, panels


def head(axes: Any, text: str) -> None:
    """A panel's heading."""
    axes.set_title(text, fontsize=8, pad=3)


def legend(
    figure: Any,
    kinds: Iterable[int],
    label_names: Sequence[str] | None,
    others: Sequence[tuple[str, Any]] = (),
) -> None:
    """The names of the classes by their colours, below the panels.

    Args:
        figure: The figure.
        kinds: The classes that it shows.
        label_names: The classes' names, by index.
        others: Further names and colours.
    """
    from matplotlib.patches import Patch

    entries = [(class_name(k, label_names), class_color(k)) for k in sorted(kinds)]
    entries += list(others)
    if not entries:
        return
    widest = 0.45 + 0.075 * max(len(name) for name, _ in entries)
    columns = max(int(figure.get_figwidth() / widest), 1)
    figure.legend(
        handles=[Patch(color=color, label=name) for name, color in entries],
        loc="outside lower center",
        ncols=min(columns, len(entries)),
        fontsize=8,
        frameon=False,
        handlelength=1.2,
        columnspacing=1.2,
    )
