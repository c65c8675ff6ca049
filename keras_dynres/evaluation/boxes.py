"""Boxes over their images, beside those that are labelled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres.core.batches import batches
from keras_dynres.errors import DynresError
from keras_dynres.evaluation import _panels
from keras_dynres.evaluation._pixels import displayable
from keras_dynres.evaluation.outputs import part_of, predict_padded
from keras_dynres.evaluation.plots import check_format, save

# Inches of a panel; points of the letters, and how wide and high they are on the page.
_WIDTH = 3.6
_POINTS, _LETTER, _LINE = 5.5, 0.64, 1.5
# What a detector gives by name, in the order of a row.
_COLUMNS = ("boxes", "scores", "classes")


def box_sheet(
    model: Any,
    data: Any,
    path: str | Path | None = None,
    label_names: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    count: int = 3,
    least_score: float = 0.5,
    preprocessing: Mapping | None = None,
    title: str | None = None,
    output: str | int | None = None,
) -> Any:
    """Draws the objects that are seen in images, with their classes and scores.

    One row an image: what is labelled where there are labels, and the objects of each
    instance, headed by their number. Names and scores stand at the boxes, those of the
    highest scores first, as long as there is place for them that no other one takes;
    the colours tell the classes of all.

    Args:
        model: A `DynamicModel`, any other `keras.Model`, or a dict of such by name,
            that gives `boxes`, `scores` and `classes` as `faster_rcnn` does, or rows
            of x1, y1, x2, y2, score and class; -1 is the class of what is none.
        data: Images, or images and boxes, rows of x1, y1, x2, y2 and class, as
            `data.load` gives them.
        path: A .png, .svg or .pdf file to write; it appears whole or not at all.
        label_names: The classes' names, by index.
        instances: The instances to draw, a column each; by default `full`, and of a
            dict all.
        count: How many images to draw, the first of the data.
        least_score: What scores less is not drawn.
        preprocessing: As of `contact_sheet`: what the pipeline did to the pixels.
        title: The figure's title.
        output: Which output holds the rows, where there are several and none are
            called `boxes`, `scores` and `classes`.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    kd.evaluation.box_sheet(model, test, "boxes.png", names, ["d0.25", "full"])
    ```
    """
    if path is not None:
        check_format(path)
    graphs = _panels.graphs(model, instances)
    images, labels = _first(data, count)
    rows = {
        name: _rows(name, predict_padded(graph, images, len(images)), output)
        for name, graph in graphs.items()
    }
    rows = {name: [r[r[:, 4] >= least_score] for r in v] for name, v in rows.items()}
    pictures = displayable(images, preprocessing)
    figure = _layout(pictures, labels, rows, label_names, title)
    if path is not None:
        save(figure, path)
    return figure


def _first(data, count):
    """The first images, and their boxes or None."""
    parts = list(batches(data, limit=count))
    images = np.concatenate([x for x, _ in parts])
    if any(boxes is None for _, boxes in parts):
        return images, None
    boxes = [part_of(boxes, None, "label") for _, boxes in parts]
    boxes = np.concatenate(boxes).astype("float32")
    if boxes.ndim != 3 or boxes.shape[-1] != 5:
        raise DynresError(
            "Labels are boxes, rows of x1, y1, x2, y2 and class. "
            f"Received: labels of shape {boxes.shape}."
        )
    return images, [r[r[:, 4] >= 0] for r in boxes]


def _rows(name, outputs, output):
    """Rows of x1, y1, x2, y2, score and class, a list of arrays."""
    if output is None and isinstance(outputs, Mapping) and {*_COLUMNS} <= {*outputs}:
        boxes, scores, classes = (outputs[key] for key in _COLUMNS)
        rows = np.concatenate([boxes, scores[..., None], classes[..., None]], axis=-1)
    else:
        rows = part_of(outputs, output)
    if rows.ndim != 3 or rows.shape[-1] != 6:
        raise DynresError(
            "Objects are drawn of a network that gives boxes, scores and classes, or "
            "rows of x1, y1, x2, y2, score and class. "
            f"Received: an output of shape {rows.shape} of {name!r}."
        )
    return [r[r[:, 5] >= 0] for r in rows]


def _layout(pictures, labels, rows, label_names, title):
    columns = ([] if labels is None else ["labels"]) + list(rows)
    figure, panels = _panels.grid(pictures, len(columns), _WIDTH, title)
    kinds = set()
    for number, axes in enumerate(panels):
        for panel, name in zip(axes, columns, strict=True):
            objects = rows.get(name, labels)[number]
            kinds |= set(objects[:, -1].astype(int).tolist())
            _panels.head(panel, f"{name}   {_counted(len(objects))}")
            _draw_boxes(panel, objects)
            if name in rows:
                _draw_names(panel, objects, pictures[number].shape, label_names)
    _panels.legend(figure, kinds, label_names)
    return figure


def _counted(count):
    return f"{count} object" + ("" if count == 1 else "s")


def _draw_boxes(panel, objects):
    from matplotlib.patches import Rectangle

    # A pixel's edges lie half a pixel beside its middle, where pictures have the 0.
    for x1, y1, x2, y2, *_, kind in objects:
        panel.add_patch(
            Rectangle(
                (x1 - 0.5, y1 - 0.5),
                *(x2 - x1, y2 - y1),
                fill=False,
                edgecolor=_panels.class_color(int(kind)),
                linewidth=1.2,
            )
        )


def _draw_names(panel, objects, shape, label_names):
    """Names and scores, the best first, where none of them stands yet."""
    height, width = shape[:2]
    pixels = width / (72 * _WIDTH)  # Of the picture, in a point of the page.
    taken = []
    for *edges, score, kind in sorted(objects.tolist(), key=lambda row: -row[4]):
        words = f"{_panels.class_name(int(kind), label_names)} {score:.2f}"
        size = len(words) * _LETTER * _POINTS * pixels, _LINE * _POINTS * pixels
        place = _free_place(edges, size, (width, height), taken)
        if place is None:
            continue
        taken.append((*place, place[0] + size[0], place[1] + size[1]))
        color = _panels.class_color(int(kind))
        panel.text(
            place[0] - 0.5,
            place[1] + size[1] / 2 - 0.5,
            words,
            fontsize=_POINTS,
            va="center",
            color="white" if np.dot(color, (0.3, 0.59, 0.11)) < 0.6 else "black",
            bbox={"facecolor": color, "edgecolor": "none", "pad": 0.6},
        )


def _free_place(edges, size, whole, taken):
    """The upper left corner of a name at its box that covers no other; or None."""
    x1, x2 = np.clip(edges[::2], 0, whole[0])
    y1, y2 = np.clip(edges[1::2], 0, whole[1])
    across, down = size
    corners = [
        *((x1, y1 - down), (x1, y1), (x2 - across, y1 - down), (x2 - across, y1)),
        *((x1, y2 - down), (x1, y2), (x2 - across, y2 - down), (x2 - across, y2)),
    ]
    for x, y in corners:
        inside = min(x, y) >= 0 and x + across <= whole[0] and y + down <= whole[1]
        free = all(
            x >= right or x + across <= left or y >= bottom or y + down <= top
            for left, top, right, bottom in taken
        )
        if inside and free:
            return x, y
    return None
