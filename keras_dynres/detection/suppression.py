"""Non-maximum suppression of static shape."""

from typing import Any

from keras import ops

from keras_dynres.detection.boxes import overlaps


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
