"""Boxes as arithmetic: overlaps, offsets from other boxes, the image's borders.

A box is x1, y1, x2, y2: its edges, in pixels from the image's upper left corner. Code
that counts pixels, as mmdetection 0.6 and the COCO challenge's tools do, writes x2 - 1
and y2 - 1 of the same box, and 1 more for its width.
"""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_dynres.errors import DynresError

# Published detectors let no box be taller or wider than this many times its anchor.
_LARGEST = math.log(1000 / 16)


def areas(boxes: Any) -> Any:
    """Areas of boxes.

    >>> float(areas([1.0, 2.0, 4.0, 6.0]))
    12.0

    Args:
        boxes: A tensor whose last axis is x1, y1, x2, y2.
    """
    x1, y1, x2, y2 = columns(boxes)
    return ops.maximum(x2 - x1, 0.0) * ops.maximum(y2 - y1, 0.0)


def overlaps(boxes: Any, others: Any) -> Any:
    """Intersection over union of each box with each other one.

    Of a box without an area it is 0.

    >>> one, other = [[[0.0, 0.0, 2.0, 2.0]]], [[[1.0, 0.0, 3.0, 2.0]]]
    >>> round(float(overlaps(one, other)[0, 0, 0]), 3)
    0.333

    Args:
        boxes: `(batch, boxes, 4)`.
        others: `(batch, others, 4)`.

    Returns:
        `(batch, boxes, others)`.
    """
    a = [ops.expand_dims(column, 2) for column in columns(boxes)]
    b = [ops.expand_dims(column, 1) for column in columns(others)]
    width = ops.minimum(a[2], b[2]) - ops.maximum(a[0], b[0])
    height = ops.minimum(a[3], b[3]) - ops.maximum(a[1], b[1])
    both = ops.maximum(width, 0.0) * ops.maximum(height, 0.0)
    either = ops.expand_dims(areas(boxes), 2) + ops.expand_dims(areas(others), 1) - both
    return both / ops.maximum(either, 1e-6)


def decoded(anchors: Any, deltas: Any, scales: Sequence[float] = (1, 1, 1, 1)) -> Any:
    """The boxes that lie so far from their anchors.

    Args:
        anchors: `(..., 4)`.
        deltas: Shift of the centre in widths and heights, logarithms of width and
            height in those of the anchor; `(..., 4)`.
        scales: What the deltas are multiplied by.
    """
    x, y, width, height = _centred(anchors)
    dx, dy, dw, dh = (
        delta * scale for delta, scale in zip(columns(deltas), scales, strict=True)
    )
    x, y = x + width * dx, y + height * dy
    width = width * ops.exp(ops.clip(dw, -_LARGEST, _LARGEST))
    height = height * ops.exp(ops.clip(dh, -_LARGEST, _LARGEST))
    edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return ops.stack(edges, axis=-1)


def encoded(anchors: Any, boxes: Any, scales: Sequence[float] = (1, 1, 1, 1)) -> Any:
    """How far boxes lie from their anchors: what `decoded` undoes.

    Boxes and anchors of no width or height count as small ones.
    """
    x, y, width, height = _centred(anchors)
    bx, by, bw, bh = _centred(boxes)
    width, height, bw, bh = (ops.maximum(n, 1e-2) for n in (width, height, bw, bh))
    parts = (
        (bx - x) / width,
        (by - y) / height,
        ops.log(bw / width),
        ops.log(bh / height),
    )
    pairs = zip(parts, scales, strict=True)
    return ops.stack([part / scale for part, scale in pairs], axis=-1)


def clipped(boxes: Any, height: int, width: int) -> Any:
    """The boxes' parts inside the image; of one outside, a pixel at the border."""
    x1, y1, x2, y2 = columns(boxes)
    edges = (
        ops.clip(x1, 0.0, width - 1.0),
        ops.clip(y1, 0.0, height - 1.0),
        ops.clip(x2, 1.0, float(width)),
        ops.clip(y2, 1.0, float(height)),
    )
    return ops.stack(edges, axis=-1)


def labelled(labels: Any) -> Any:
    """Labels of a detector in float32, if they are rows of boxes.

    Args:
        labels: `(images, boxes, 5)`: x1, y1, x2, y2 and the class.
    """
    if len(labels.shape) != 3 or labels.shape[-1] != 5:
        raise DynresError(
            "Labels of a detector are boxes of the shape (images, boxes, 5): x1, y1, "
            f"x2, y2 and the class, -1 in rows that are none. Received: {labels.shape}"
        )
    return ops.cast(labels, "float32")


def columns(boxes: Any) -> list:
    """x1, y1, x2 and y2, each a tensor."""
    boxes = ops.convert_to_tensor(boxes)
    return [boxes[..., i] for i in range(4)]


def _centred(boxes):
    x1, y1, x2, y2 = columns(boxes)
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
