"""Maps of classes over their images, beside what is labelled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres.core.batches import batches, class_indices
from keras_dynres.errors import DynresError
from keras_dynres.evaluation import _panels
from keras_dynres.evaluation._pixels import displayable
from keras_dynres.evaluation.outputs import part_of, predict_padded
from keras_dynres.evaluation.plots import check_format, save

# How much of a pixel is its class's colour, and how dark one without a class is.
_COVER, _DARK = 0.6, 0.3


def map_sheet(
    model: Any,
    data: Any,
    path: str | Path | None = None,
    label_names: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    count: int = 3,
    preprocessing: Mapping | None = None,
    title: str | None = None,
    output: str | int | None = None,
) -> Any:
    """Draws the classes of all pixels in colour over the images.

    One row an image: the image, what is labelled where there are labels, and the map
    of each instance, headed by the share of labelled pixels that are right. Pixels
    whose label is no class, such as `data.IGNORED`, are dark and count for nothing.

    Args:
        model: A `DynamicModel`, any other `keras.Model`, or a dict of such by name,
            whose output is a map of logits.
        data: Images, or images and maps of labels, as `calibrate` takes them.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        label_names: The classes' names, by index.
        instances: The instances to draw, a column each; by default `full`, and of a
            dict all.
        count: How many images to draw, the first of the data.
        preprocessing: As of `contact_sheet`: what the pipeline did to the pixels.
        title: The figure's title.
        output: Which output holds the map, where there are several.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.map_sheet(model, test, "maps.png", names, ["d0.25", "full"])
    ```
    """
    if path is not None:
        check_format(path)
    graphs = _panels.graphs(model, instances)
    images, labels = _first(data, count, output)
    logits = {
        name: part_of(predict_padded(graph, images, len(images)), output)
        for name, graph in graphs.items()
    }
    for name, maps in logits.items():
        _check(name, maps, labels)
    maps = {name: values.argmax(-1) for name, values in logits.items()}
    classes = max(values.shape[-1] for values in logits.values())
    figure = _layout(
        displayable(images, preprocessing), labels, maps, classes, label_names, title
    )
    if path is not None:
        save(figure, path)
    return figure


def _first(data, count, output):
    """The first images, and their maps of labels or None."""
    parts = list(batches(data, limit=count))
    images = np.concatenate([x for x, _ in parts])
    if any(answers is None for _, answers in parts):
        return images, None
    labels = [class_indices(part_of(y, output, "label"), axes=3) for _, y in parts]
    return images, np.concatenate(labels)


def _check(name, maps, labels):
    if maps.ndim != 4:
        raise DynresError(
            "Maps are drawn of a network that gives a row of logits for each pixel. "
            f"Received: an output of shape {maps.shape} of {name!r}."
        )
    if labels is not None and labels.shape != maps.shape[:3]:
        raise DynresError(
            "Maps of labels must be as large as the output's. Received: labels of "
            f"shape {labels.shape} and an output of shape {maps.shape}."
        )


def _layout(pictures, labels, maps, classes, label_names, title):
    truth = {} if labels is None else {"labels": labels}
    figure, panels = _panels.grid(pictures, 1 + len(truth) + len(maps), 2.6, title)
    kinds, dark = set(), False
    for number, (picture, axes) in enumerate(zip(pictures, panels, strict=True)):
        _panels.head(axes[0], "image")
        for panel, (name, values) in zip(axes[1:], (truth | maps).items(), strict=True):
            value = values[number]
            known = (value >= 0) & (value < classes)
            kinds |= set(np.unique(value[known]).tolist())
            dark |= not known.all()
            _panels.draw(panel, _covered(picture, value, known))
            right = _right(value, labels, number, classes) if name in maps else ""
            _panels.head(panel, f"{name}{right}")
    others = [("not labelled", (0.15, 0.15, 0.15))] if dark else []
    _panels.legend(figure, kinds, label_names, others)
    return figure


def _covered(picture, value, known):
    """The picture in grey under its classes' colours."""
    grey = picture.mean(axis=-1, keepdims=True)
    rows, columns = (
        np.arange(n) * small // n
        for n, small in zip(picture.shape[:2], value.shape, strict=True)
    )
    value, known = (x[np.ix_(rows, columns)] for x in (value, known))
    colors = np.zeros((*value.shape, 3))
    for kind in np.unique(value[known]):
        colors[value == kind] = _panels.class_color(int(kind))
    covered = (1 - _COVER) * grey + _COVER * colors
    return np.where(known[..., None], covered, _DARK * grey)


def _right(value, labels, number, classes):
    """The share of labelled pixels that are right, as a heading says it."""
    if labels is None:
        return ""
    label = labels[number]
    known = (label >= 0) & (label < classes)
    if not known.any():
        return ""
    return f"   {100 * (value == label)[known].mean():.1f} % right"
