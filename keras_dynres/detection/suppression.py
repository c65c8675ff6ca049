"""Non-maximum suppression of static shape."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.detection.boxes import columns, overlaps

# Groups lie in rows of so many: in one row the last would lie so far away that float32
# could not tell parts of a pixel.
_ROW = 16


def kept(boxes: Any, threshold: float, groups: Any = None) -> Any:
    """Which boxes stay when each removes the later ones that it overlaps much.

    The boxes come in falling order of their scores. One that is removed removes no
    other. That has one answer, to which repetition leads: from all boxes, those that
    are overlapped by none of the boxes kept so far, until nothing changes. After as
    many rounds as the longest chain of overlaps, mostly a few, it is there.

    Args:
        boxes: `(batch, boxes, 4)`; those without an area overlap none.
        threshold: Intersection over union from which on the later one is removed.
        groups: `(batch, boxes)`: only boxes of the same group overlap.

    Returns:
        1 for each box that stays, else 0: `(batch, boxes)`, float32.
    """
    boxes = ops.stop_gradient(ops.convert_to_tensor(boxes))
    if boxes.shape[0] == 1 and keras.backend.backend() == "tensorflow":
        return _of_one_image(boxes, threshold, groups)
    count = boxes.shape[1]
    order = ops.arange(count)
    earlier = ops.expand_dims(order, 1) < ops.expand_dims(order, 0)
    removes = ops.logical_and(overlaps(boxes, boxes) >= threshold, earlier)
    if groups is not None:
        same = ops.expand_dims(groups, 2) == ops.expand_dims(groups, 1)
        removes = ops.logical_and(removes, same)
    removes = ops.cast(removes, "float32")
    first = ops.ones_like(boxes[..., 0])

    def changed(stay, before):
        return ops.any(stay != before)

    def once_more(stay, before):
        removers = ops.matmul(ops.expand_dims(stay, 1), removes)
        return ops.cast(ops.squeeze(removers, 1) < 0.5, "float32"), stay

    stay, _ = ops.while_loop(
        changed, once_more, (first, ops.zeros_like(first)), maximum_iterations=count + 1
    )
    return stay


def _of_one_image(boxes, threshold, groups):
    """The same by one operator, which TFLite has too."""
    import tensorflow as tf

    count = boxes.shape[1]
    if groups is not None:
        boxes = boxes + _places(boxes, ops.cast(groups, "float32"))
    x1, y1, x2, y2 = (column[0] for column in columns(boxes))
    chosen, number = tf.raw_ops.NonMaxSuppressionV4(
        boxes=ops.stack([y1, x1, y2, x2], axis=1),
        scores=np.arange(count, 0, -1).astype("float32"),
        max_output_size=count,
        # There a box goes that overlaps by more.
        iou_threshold=float(np.nextafter(np.float32(threshold), np.float32(0))),
        score_threshold=0.0,
        pad_to_max_output_size=True,
    )
    # What follows the chosen ones is the first box again.
    there = tf.cast(tf.range(count) < number, tf.float32)
    return tf.scatter_nd(chosen[:, None], there, [count])[None]


def _places(boxes, groups):
    """Where each group lies, so that none overlaps another."""
    apart = ops.max(boxes) - ops.minimum(ops.min(boxes), 0.0) + 1.0
    row = ops.floor((groups + 0.5) / _ROW)
    places = [groups - row * _ROW, row]
    return ops.stack(2 * places, axis=-1) * apart
