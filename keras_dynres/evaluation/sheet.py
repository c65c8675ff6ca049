"""A contact sheet: which images are right from which cost on."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres import text
from keras_dynres.core.batches import batches, class_indices
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation._pixels import bare, displayable, draw
from keras_dynres.evaluation.difficulty import CostGroups
from keras_dynres.evaluation.outputs import part_of
from keras_dynres.evaluation.plots import check_format, save


def contact_sheet(
    groups: CostGroups,
    data: Any,
    path: str | Path | None = None,
    label_names: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    per_group: int = 6,
    preprocessing: Mapping | None = None,
    seed: int = 0,
    title: str | None = None,
    output: str | int | None = None,
) -> Any:
    """Draws images grouped by the least cost that classifies them right.

    One band a group, cheapest first, headed by its cost; the true class stands
    below each image, as in the SDPoint paper's figure 5.

    Args:
        groups: A `CostGroups`.
        data: The same data, in the same order, that the groups came from.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        label_names: The classes' names, by index.
        instances: Which groups to show; None takes up to four that have
            images, from the cheapest to the dearest.
        per_group: Most images in a band.
        preprocessing: What the pipeline did to the pixels, to undo it:
            `{"mean": ..., "std": ..., "scale": 255}` for
            `(pixel / scale - mean) / std`. None takes pixels in 0..1 or 0..255
            as they are and stretches others to the range they have.
        seed: Which images are drawn from each group.
        title: The figure's title.
        output: Which labels to show, where there are several: those of the output
            that the groups came from.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.contact_sheet(groups, test, "sheet.png", label_names=names)
    ```
    """
    if path is not None:
        check_format(path)
    names = _bands(groups, instances)
    rng = np.random.default_rng(seed)
    chosen = {}
    for name in names:
        members = groups.images(name)
        some = rng.choice(members, min(per_group, len(members)), replace=False)
        chosen[name] = sorted(int(i) for i in some)
    wanted = [i for some in chosen.values() for i in some]
    pictures, labels = _fetch(data, wanted, len(groups.groups), output)
    pictures = dict(
        zip(pictures, displayable(pictures.values(), preprocessing), strict=True)
    )
    figure = _layout(groups, chosen, pictures, labels, label_names, title)
    if path is not None:
        save(figure, path)
    return figure


def _bands(groups, instances):
    """The groups to show, cheapest first."""
    if instances is not None:
        for name in instances:
            one_of("instance", name, groups.names)
        return [n for n in groups.names if n in set(instances)]
    filled = [name for name, count in groups.counts.items() if count]
    if not filled:
        raise DynresError(
            "A contact sheet needs images that are right at full cost. "
            "Received: groups that are all empty."
        )
    spread = np.linspace(0, len(filled) - 1, min(4, len(filled)))
    return [filled[int(i)] for i in np.round(spread)]


def _fetch(data, wanted, total, output):
    """The wanted images and labels by position, without holding the others."""
    wanted, pictures, labels, start = set(wanted), {}, {}, 0
    for images, answers in batches(data, limit=total):
        if answers is not None:
            answers = class_indices(part_of(answers, output, "label"))
        for i, image in enumerate(images):
            if start + i in wanted:
                pictures[start + i] = image
                labels[start + i] = None if answers is None else int(answers[i])
        start += len(images)
    if len(pictures) < len(wanted):
        raise DynresError(
            "The contact sheet needs the data that the groups came from, walked "
            f"again from its start. Received: {start} images instead of {total}."
        )
    return pictures, labels


def _layout(groups, chosen, pictures, labels, label_names, title):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = max(len(some) for some in chosen.values()) or 1
    figure = Figure(figsize=(1.25 * across + 0.2, 1.62 * len(chosen) + 0.3))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    bands = np.atleast_1d(figure.subfigures(len(chosen), 1))
    for band, (name, some) in zip(bands, chosen.items(), strict=True):
        head = f"{name}   {groups.price(name)} {text.head(groups.cost)}"
        head += f"   {groups.counts[name]} images"
        band.suptitle(head, fontsize=9, x=0.02, ha="left", fontweight="bold")
        frames = band.subplots(1, across, squeeze=False)[0]
        for axes, index in itertools.zip_longest(frames, some):
            bare(axes)
            if index is not None:
                draw(axes, pictures[index])
                caption = _label(labels[index], label_names)
                axes.set_xlabel(caption, fontsize=8, labelpad=3)
    return figure


def _label(label, label_names):
    if label is None:
        return ""
    return str(label_names[label]) if label_names is not None else f"class {label}"
