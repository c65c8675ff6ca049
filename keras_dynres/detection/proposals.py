"""Regions that are looked at closely: the anchors' best boxes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.detection import boxes
from keras_dynres.detection.anchor_rows import DELTAS, OBJECTNESS
from keras_dynres.detection.suppression import kept
from keras_dynres.layers.rows import take_rows


@keras.saving.register_keras_serializable(package="keras_dynres")
class Proposals(keras.layers.Layer):
    """The best boxes of a region proposal network, always the same number.

    Called on `[images, rows, objectness of the levels]`: of each level the anchors of
    the highest scores are taken, of which later ones that overlap are removed; of what
    is left of all levels the best remain. Where there are fewer, rows of zeros follow.
    No gradient flows through what is chosen.

    Args:
        count: How many boxes an image has.
        per_level: How many anchors of each level are taken.
        suppression: Intersection over union from which on a box is removed.

    Example:

    >>> maps = [keras.Input((8, 8, 3))], [keras.Input((8, 8, 12))]
    >>> images = keras.Input((64, 64, 3))
    >>> from keras_dynres.detection.anchor_rows import AnchorRows
    >>> rows = AnchorRows()([images, *maps])
    >>> Proposals(count=20)([images, rows, maps[0]]).shape
    (None, 20, 4)
    """

    # What is chosen may change where scores are rounded; pixels are not for 8 bits.
    by_scores = True
    in_pixels = True

    def __init__(
        self,
        count: int = 1000,
        per_level: int = 1000,
        suppression: float = 0.7,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count = count
        self.per_level = per_level
        self.suppression = suppression

    def call(self, inputs: Sequence[Any]) -> Any:
        """Boxes `(batch, count, 4)`, the best first."""
        images, rows, levels = inputs
        rows = ops.stop_gradient(rows)
        lengths = _lengths([level.shape for level in levels])
        ends = np.cumsum(lengths)
        size = tuple(images.shape[1:3])
        best = [
            self._of_level(rows[:, end - length : end], size)
            for length, end in zip(lengths, ends, strict=True)
        ]
        candidates, scores = (
            ops.concatenate(parts, axis=1) for parts in zip(*best, strict=True)
        )
        scores, order = ops.top_k(scores, min(self.count, candidates.shape[1]))
        chosen = picked(candidates, order)
        chosen = chosen * ops.cast(ops.expand_dims(scores, -1) > 0, chosen.dtype)
        missing = self.count - chosen.shape[1]
        return ops.pad(chosen, ((0, 0), (0, missing), (0, 0))) if missing else chosen

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple:
        """As many boxes as asked for."""
        return (input_shape[0][0], self.count, 4)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "count": self.count,
            "per_level": self.per_level,
            "suppression": self.suppression,
        }
        return {**super().get_config(), **own}

    def _of_level(self, rows, size):
        """The best boxes of a level and their scores; removed ones have 0."""
        logits, order = ops.top_k(
            rows[..., OBJECTNESS], min(self.per_level, rows.shape[1])
        )
        rows = picked(rows, order)
        decoded = boxes.clipped(boxes.decoded(rows[..., :4], rows[..., DELTAS]), *size)
        return decoded, ops.sigmoid(logits) * kept(decoded, self.suppression)


def picked(rows: Any, numbers: Any) -> Any:
    """Rows of each image by their numbers: `(batch, numbers, columns)`."""
    count, width = rows.shape[1:]
    if rows.shape[0] != 1:
        batch = ops.arange(ops.shape(rows)[0], dtype="int32")
        numbers = ops.cast(numbers, "int32") + ops.expand_dims(batch * count, 1)
    return take_rows(ops.reshape(rows, (-1, width)), numbers)


def _lengths(shapes):
    return [int(np.prod(shape[1:])) for shape in shapes]
