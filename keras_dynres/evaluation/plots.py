"""Cost-error curves as matplotlib figures."""

import dataclasses
import io
import itertools
from collections.abc import Collection
from pathlib import Path
from typing import Any

from keras_dynres import files, text
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation._labels import Box, Name, place
from keras_dynres.evaluation.curves import (
    AVERAGE,
    as_menus,
    curve,
    left_out,
    metric_of,
)
from keras_dynres.evaluation.prediction import Score

FORMATS = ("png", "svg", "pdf")
# Told apart in the common colour-vision deficiencies, and by marker in print.
STYLES = (
    ("#0b6e99", "o"),
    ("#c4501b", "s"),
    ("#5b7f24", "^"),
    ("#8a4fa3", "D"),
    ("#a37a00", "v"),
    ("#555555", "P"),
)


def plot(
    menus: Any,
    path: str | Path | None = None,
    x: str = "flops",
    metric: str | None = None,
    beaten: bool = False,
    images: int | None = None,
    names: bool = False,
    title: str | None = None,
    loose: Collection[str] = (),
) -> Any:
    """Draws the cost-error curve of one or several menus.

    An instance that a cheaper one beats is left out, as in the SDPoint paper's
    figures 2 to 4; so is one that was never measured, with a note. A cost that depends
    on the image is the average one where that was measured.

    Args:
        menus: A `Menu`, a `DynamicModel`, or a dict of them by label.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        x: `"flops"`, `"macs"`, `"params"`, `"latency_ms"` or another cost measured.
        metric: The figure to draw; None means the first menu's own. An accuracy is
            drawn as an error in percent.
        beaten: Whether to show the beaten instances, faintly.
        images: How many test images an accuracy stands on; draws the binomial
            standard error as bars.
        names: Whether to write an instance's name beside its point, where there is
            room for it.
        title: The figure's title.
        loose: Labels of menus that are no curve, such as networks of their own each:
            all of their points are drawn, and no line.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.plot(
        {"instance BN": model.menu, "uniform BN": uniform.menu}, "curve.png"
    )
    ```
    """
    menus = as_menus(menus)
    metric = metric_of(next(iter(menus.values())), metric)
    curves = [curve(menu, x, metric, label) for label, menu in menus.items()]
    curves = [_loosened(line) if line.label in loose else line for line in curves]
    empty = [c.label for c in curves if not c.front]
    if empty:
        raise DynresError(
            f"A curve needs instances with both {x!r} and {metric!r} measured "
            f"(evaluate_menu, benchmark). Received: {empty[0]!r}, which has none."
        )
    figure, axes = canvas()
    for line, style in zip(curves, itertools.cycle(STYLES), strict=False):
        _draw(axes, line, metric, style, beaten, images, loose)
    _dress(axes, curves, x, metric, title)
    if names:
        _write_names(axes, curves, metric, beaten)
    if path is not None:
        save(figure, path)
    return figure


def save(figure: Any, path: str | Path) -> None:
    """Writes a matplotlib figure at once; the ending says the format."""
    files.write(path, render(figure, check_format(path)))


def check_format(path: str | Path) -> str:
    """The format that a file's ending asks for."""
    ending = Path(path).suffix.lstrip(".").lower()
    return one_of("figure format", ending or str(path), FORMATS)


def render(figure: Any, fmt: str = "png", dpi: int = 160) -> bytes:
    """A matplotlib figure's bytes."""
    out = io.BytesIO()
    # The same plot gives the same file: no date inside.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(fmt)
    figure.savefig(out, format=fmt, dpi=dpi, metadata=metadata)
    return out.getvalue()


def canvas(width: float = 6.4, height: float = 4.2, panels: int = 1) -> tuple[Any, Any]:
    """An empty matplotlib figure of so many inches, and its axes, or an array."""
    # A bare Figure with the Agg canvas: no display, no pyplot, no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels)


def dress(axes: Any, title: str | None = None) -> None:
    """The look that plots have in common."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    if title:
        axes.set_title(title, fontsize=11)


def _loosened(line):
    """The curve with its beaten points among the others."""
    return dataclasses.replace(line, front=line.front + line.beaten, beaten=())


def _draw(axes, line, metric, style, beaten, images, loose):
    color, marker = style
    xs = [point.x for point in line.front]
    heights = [_height(point.y, metric) for point in line.front]
    bars = None
    if images and text.is_accuracy(metric):
        bars = [100 * Score(point.y, images).stderr for point in line.front]
    axes.errorbar(
        xs,
        heights,
        yerr=bars,
        color=color,
        marker=marker,
        markersize=5,
        linewidth=0 if line.label in loose else 1.6,
        elinewidth=1,
        capsize=2.5 if bars else 0,
        label=line.label,
        zorder=3,
    )
    if beaten and line.beaten:
        axes.plot(
            [point.x for point in line.beaten],
            [_height(point.y, metric) for point in line.beaten],
            color=color,
            marker=marker,
            markersize=4.5,
            linestyle="none",
            alpha=0.3,
            zorder=2,
        )


def _height(value, metric):
    """Where a figure stands: an accuracy as its error, a share in percent."""
    if text.is_accuracy(metric):
        return 100 * (1 - value)
    return 100 * value if text.is_share(metric) else value


def _dress(axes, curves, x, metric, title):
    from matplotlib.ticker import FuncFormatter

    kind = "Top-1" if metric == "accuracy" else text.head(metric)
    error = text.is_accuracy(metric)
    axes.set_ylabel(f"{kind} error (%)" if error else text.axis(metric))
    average = any(line.average for line in curves)
    axes.set_xlabel(text.axis(x) + (AVERAGE if average else ""))
    axes.margins(x=0.06, y=0.08)
    if x in text.COUNTS:
        most = axes.get_xlim()[1]
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: text.tick(value, x, most))
        )
    dress(axes, title)
    if len(curves) > 1:
        axes.legend(frameon=False)
    note = left_out([name for line in curves for name in line.missing])
    if note:
        axes.figure.supxlabel(note, fontsize=7.5, color="#666666")


def _write_names(axes, curves, metric, beaten):
    """Writes the fronts' names where they hide neither a point nor one another."""
    figure = axes.figure
    figure.draw_without_rendering()  # Only now it is known where points and words are.
    points, texts, lines = [], [], []
    for line, (color, _) in zip(curves, itertools.cycle(STYLES), strict=False):
        front = [_pixels(axes, point, metric) for point in line.front]
        points += front + [_pixels(axes, p, metric) for p in line.beaten if beaten]
        lines.append(front)
        for point, (x, y) in zip(line.front, front, strict=True):
            words = axes.annotate(
                point.name,
                (point.x, _height(point.y, metric)),
                xytext=(0, 0),
                textcoords="offset points",
                fontsize=7.5,
                color=color,
            )
            box = words.get_window_extent()
            texts.append((words, Name(x, y, box.width, box.height, gap=6)))
    legend = axes.get_legend()
    taken = [_box(legend.get_window_extent())] if legend else []
    names = [name for _, name in texts]
    spots = place(names, points, lines, _box(axes.bbox), taken)
    for (words, name), spot in zip(texts, spots, strict=True):
        if spot is None:
            words.remove()
            continue
        scale = 72 / figure.dpi
        words.set_position(
            (scale * (spot.box.left - name.x), scale * (name.y - spot.box.bottom))
        )
        words.set_verticalalignment("bottom")


def _pixels(axes, point, metric):
    """Where a point stands in the figure; pixels count downwards from its foot."""
    x, y = axes.transData.transform((point.x, _height(point.y, metric)))
    return float(x), -float(y)


def _box(extent):
    return Box(extent.x0, -extent.y1, extent.x1, -extent.y0)
