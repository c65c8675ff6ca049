"""Which points a network samples: over its images, by mask, and what is interpolated.

A model that samples points offers `sampled_points(images, instance)`, which returns
`{mask: (images, height, width)}` of booleans in the network's order; and, where it
interpolates with a trained width, `interpolation_widths`: `{mask: width}`.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres.core.batches import batches
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation import plots
from keras_dynres.evaluation._pixels import bare, displayable, draw

# The instance whose points depend on the image alone, where there is one.
BY_IMAGE = "sampled"
# From this width on, the paper says, hardly anything is interpolated.
IDENTITY = 3.0
_POINTS = "#ffb000"
# Panels a row, and images that a report's averages are over.
_ACROSS, _IMAGES = 7, 256


def mask_sheet(
    model: Any,
    images: Any,
    path: str | Path | None = None,
    instance: str | None = None,
    masks: Sequence[str] | None = None,
    count: int = 3,
    preprocessing: Mapping | None = None,
    title: str | None = None,
) -> Any:
    """Draws the points that each mask samples over the images.

    One band an image: the image, then a panel for each mask, headed by its name and
    the share of this image's points that it samples. It is figure 1 of the paper on
    sampling and interpolation, for all layers.

    Args:
        model: A model that samples points, such as a `kd.Sampled`.
        images: Images, as `calibrate` takes them; labels are not looked at.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        instance: The instance whose points are drawn; by default `"sampled"`, or the
            cheapest where there is none of that name.
        masks: Names of the masks to draw; None takes all.
        count: How many images to draw, the first of the data.
        preprocessing: As of `contact_sheet`: what the pipeline did to the pixels.
        title: The figure's title.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    two = model.blocks["stage2_block2_add"]
    kd.evaluation.mask_sheet(model, images, "masks.png", masks=two)
    ```
    """
    if path is not None:
        plots.check_format(path)
    pictures = np.concatenate([x for x, _ in batches(images, limit=count)])
    points = _points(model, pictures, instance, masks)
    figure = _sheet(pictures, points, preprocessing, title)
    return _saved(figure, path)


def density_plot(
    model: Any,
    data: Any,
    path: str | Path | None = None,
    instances: Sequence[str] | None = None,
    title: str | None = None,
) -> Any:
    """Draws the share of points that each mask samples, from first to last.

    Bars of height one standard deviation show how much images differ.

    Args:
        model: A model that samples points, such as a `kd.Sampled`.
        data: Images, as `calibrate` takes them; labels are not looked at.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        instances: The instances to draw; by default as of `mask_sheet`, one.
        title: The figure's title.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.density_plot(model, test, "densities.png", ["sampled", "d0.25"])
    ```
    """
    if path is not None:
        plots.check_format(path)
    names = list(instances or [_chosen(model, None)])
    points = {name: _points(model, data, name) for name in names}
    return _saved(_density_figure(points, title), path)


def width_plot(
    model: Any,
    data: Any,
    path: str | Path | None = None,
    instance: str | None = None,
    title: str | None = None,
) -> Any:
    """Draws each mask's interpolation width over its sparsity; darker is deeper.

    It is figure 5 of the paper on sampling and interpolation. The larger a width, the
    nearer samples must be to count; from about 3 on hardly anything is interpolated.

    Args:
        model: A model that interpolates with trained widths, such as a `kd.Sampled`.
        data: Images, as `calibrate` takes them; labels are not looked at.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        instance: Whose sparsities are drawn; by default as of `mask_sheet`.
        title: The figure's title.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.width_plot(model, test, "widths.png")
    ```
    """
    if path is not None:
        plots.check_format(path)
    if not getattr(model, "interpolation_widths", None):
        raise DynresError(
            "Widths are drawn of a model that interpolates with trained widths. "
            f"Received: {_described(model)}, which has none."
        )
    points = _points(model, data, instance)
    return _saved(_width_figure(model, points, title), path)


def mask_figures(
    model: Any, data: Any, preprocessing: Mapping | None = None
) -> dict[str, Any]:
    """The report's figures of a model that samples points; of others none.

    Args:
        model: Any model.
        data: Images, as `calibrate` takes them; the first 256 are looked at, the very
            first drawn.
        preprocessing: As of `mask_sheet`.

    Returns:
        Figures by caption.
    """
    if not hasattr(model, "sampled_points"):
        return {}
    instance = _chosen(model, None)
    data = np.concatenate([x for x, _ in batches(data, limit=_IMAGES)])
    points = _points(model, data, instance)
    # Two rows of panels are enough for a page; they are spread over the network.
    shown = np.linspace(0, len(points) - 1, min(len(points), 2 * _ACROSS - 1))
    names = [list(points)[i] for i in np.unique(shown.astype(int))]
    figures = {
        f"Points that {instance} samples": mask_sheet(
            model, data, None, instance, names, 3, preprocessing
        ),
        f"Densities of {instance}": _density_figure({instance: points}, None),
    }
    if getattr(model, "interpolation_widths", None):
        caption = f"Interpolation widths and sparsity of {instance}"
        figures[caption] = _width_figure(model, points, None)
    return figures


# === Private ===


def _saved(figure, path):
    if path is not None:
        plots.save(figure, path)
    return figure


def _described(model):
    return f"a {type(model).__name__}"


def _chosen(model, instance):
    """The instance that is meant."""
    if instance is not None:
        return model.menu[instance].name
    names = model.menu.names
    return BY_IMAGE if BY_IMAGE in names else names[0]


def _points(model, data, instance, masks=None):
    """{mask: (images, height, width)} of the masks that are wanted."""
    if not hasattr(model, "sampled_points"):
        raise DynresError(
            "Masks are drawn of a model that samples points. "
            f"Received: {_described(model)}, which samples none."
        )
    name = _chosen(model, instance)
    points = model.sampled_points(data, name)
    if not points:
        raise DynresError(
            "Masks are drawn of an instance that samples points. "
            f"Received: instance={name!r}, which computes all."
        )
    if masks is None:
        return points
    return {mask: points[one_of("mask", mask, points)] for mask in masks}


def _sheet(pictures, points, preprocessing, title):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = math.ceil((1 + len(points)) / _ACROSS)
    across = math.ceil((1 + len(points)) / down)
    ratio = pictures.shape[1] / pictures.shape[2]
    figure = Figure(
        figsize=(1.75 * across, (1.6 * ratio + 0.4) * down * len(pictures) + 0.3)
    )
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    bands = np.atleast_1d(figure.subfigures(len(pictures), 1))
    shown = displayable(pictures, preprocessing)
    for number, (band, picture) in enumerate(zip(bands, shown, strict=True)):
        panels = band.subplots(down, across, squeeze=False).ravel()
        for axes in panels:
            bare(axes)
        draw(panels[0], picture)
        for axes, (name, maps) in zip(panels[1:], points.items(), strict=False):
            _panel(axes, picture, name, maps[number])
    return figure


def _panel(axes, picture, name, mask):
    """A darkened picture with a dot at the middle of each sampled point."""
    draw(axes, 0.55 * picture)
    (height, width), (rows, columns) = picture.shape[:2], mask.shape
    y, x = np.nonzero(mask)
    # Points of the page (1/72 inch) that a cell of the mask is wide.
    cell = 72 * 1.6 / columns
    axes.scatter(
        (x + 0.5) * width / columns - 0.5,
        (y + 0.5) * height / rows - 0.5,
        s=max(0.55 * cell, 0.8) ** 2,
        c=_POINTS,
        marker="s",
        linewidths=0,
        rasterized=True,
    )
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axes.set_title(f"{name}\n{mask.mean():.2f}", fontsize=6.5, pad=2)


def _density_figure(points, title):
    from matplotlib.ticker import PercentFormatter

    names = list(dict.fromkeys(mask for maps in points.values() for mask in maps))
    figure, axes = plots.canvas(max(6.4, 0.22 * len(names) + 1.5), 4.2)
    for (instance, maps), style in zip(
        points.items(), itertools.cycle(plots.STYLES), strict=False
    ):
        shares = [maps[mask].mean(axis=(1, 2)) for mask in maps]
        spread = [share.std() for share in shares]
        axes.errorbar(
            [names.index(mask) for mask in maps],
            [share.mean() for share in shares],
            yerr=spread if max(spread) > 1e-6 else None,
            color=style[0],
            marker=style[1],
            markersize=4.5,
            linewidth=1.3,
            elinewidth=1,
            capsize=2.5,
            label=instance,
        )
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6.5)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))
    axes.set_ylabel("Sampled points (%)")
    if len(points) > 1:
        axes.legend(frameon=False)
    plots.dress(axes, title)
    return figure


def _width_figure(model, points, title):
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    widths = model.interpolation_widths
    names = [mask for mask in points if mask in widths]
    figure, axes = plots.canvas(5.6, 4.2)
    # The first must be seen on white, too.
    colors = LinearSegmentedColormap.from_list("depth", ["#b9d6e6", "#062c3e"])
    scale = Normalize(1, max(len(names), 2))
    axes.axhline(IDENTITY, color="#999999", linewidth=0.9, linestyle="--", zorder=1)
    axes.scatter(
        [1 - points[mask].mean() for mask in names],
        [widths[mask] for mask in names],
        c=range(1, len(names) + 1),
        cmap=colors,
        norm=scale,
        s=34,
        zorder=3,
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(0, 1.1 * max(IDENTITY, *(widths[mask] for mask in names)))
    axes.set_xlabel("Sparsity: share of points that are not sampled")
    axes.set_ylabel("Interpolation width λ")
    bar = figure.colorbar(ScalarMappable(scale, colors), ax=axes, ticks=[])
    bar.set_label("from the first mask to the last")
    plots.dress(axes, title)
    return figure
