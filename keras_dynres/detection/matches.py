"""Which boxes of the labels belong to which anchors or regions, and who is trained."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from keras_dynres.detection.boxes import overlaps
from keras_dynres.detection.proposals import picked


@dataclasses.dataclass(frozen=True)
class Matches:
    """What anchors of a batch of images are to learn.

    Args:
        positive: 1 where an anchor is of an object, `(batch, anchors)`.
        negative: 1 where it is of none; of others nothing is said.
        boxes: The box it is to find, and its class, `(batch, anchors, 5)`.
    """

    positive: Any
    negative: Any
    boxes: Any

    @classmethod
    def of(
        cls,
        anchors: Any,
        labels: Any,
        positive: float,
        negative: float,
        best: float | None = None,
    ) -> "Matches":
        """By intersection over union.

        Args:
            anchors: `(batch, anchors, 4)`; those without an area are nothing.
            labels: `(batch, boxes, 5)`; a row of class -1 is none.
            positive: An anchor that overlaps a box so much is of the box.
            negative: One that overlaps all boxes less is of none.
            best: The anchors that overlap a box most are of it, if they overlap it so
                much. None leaves that out.
        """
        there = ops.cast(labels[..., 4] >= 0, "float32")
        shared = overlaps(anchors, labels[..., :4]) * ops.expand_dims(there, 1)
        most, which = ops.max(shared, axis=2), ops.argmax(shared, axis=2)
        is_positive = most >= positive
        if best is not None:
            nearest = ops.max(shared, axis=1, keepdims=True)
            is_best = ops.logical_and(shared >= nearest, nearest >= best)
            which_best = ops.argmax(ops.cast(is_best, "float32"), axis=2)
            any_best = ops.any(is_best, axis=2)
            which = ops.where(any_best, which_best, which)
            is_positive = ops.logical_or(is_positive, any_best)
        width = anchors[..., 2] - anchors[..., 0]
        is_negative = ops.logical_and(most < negative, ops.logical_not(is_positive))
        is_negative = ops.logical_and(is_negative, width > 0)
        return cls(
            ops.cast(is_positive, "float32"),
            ops.cast(is_negative, "float32"),
            picked(labels, which),
        )

    def sampled(self, count: int, share: float, salt: Any) -> "Matches":
        """So many of an image, at most a share of them positive.

        Args:
            count: How many.
            share: Of positive ones, at most.
            salt: A number for each image, which shuffles what is taken.
        """
        order = _order(self.positive.shape[1], salt)
        most = min(int(count * share), order.shape[1])
        limit = ops.zeros_like(order[:, :1]) + most
        positive = _first(self.positive, order, max(most, 1), limit)
        rest = count - ops.sum(positive, axis=1, keepdims=True)
        negative = _first(self.negative, order, min(count, order.shape[1]), rest)
        return dataclasses.replace(self, positive=positive, negative=negative)


def _order(length, salt):
    """Numbers between 0 and 1 in a random order that turns with the salt."""
    fixed = np.random.default_rng(0).permutation(length) / length
    turned = ops.expand_dims(salt, 1) + fixed.astype("float32")
    return turned - ops.floor(turned)


def _first(flags, order, most, wanted):
    """Of those with a flag the wanted number, one for each image, in that order."""
    keys = flags * (order + 1.0)
    best, _ = ops.top_k(keys, most)
    place = ops.clip(ops.cast(wanted, "int32"), 1, most) - 1
    last = ops.take_along_axis(best, place, axis=1)
    chosen = ops.logical_and(keys >= last, keys > 0)
    return ops.cast(ops.logical_and(chosen, wanted > 0), "float32")
