"""What is said of each anchor of a pyramid, in rows."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.detection.levels import anchors, strides

# Of a row: the anchor, whether there is an object, how far its box lies from there.
OBJECTNESS, DELTAS = 4, slice(5, 9)


@keras.saving.register_keras_serializable(package="keras_dynres")
class AnchorRows(keras.layers.Layer):
    """Gathers the maps of a pyramid's levels into a row for each anchor.

    Called on `[images, objectness of the levels, deltas of the levels]`, the latter
    two lists of maps, with a channel or four for each anchor of a cell. The rows are
    the anchor, x1, y1, x2, y2 in pixels of the image, its logit and its four deltas.
    Where anchors stand follows from the sizes of the maps: they may come smaller.

    Args:
        side: Side of a square anchor, in strides of its level.
        ratios: Height over width of the anchors of a cell.

    Example:

    >>> images = keras.Input((64, 64, 3))
    >>> maps = [keras.Input((8, 8, 3))], [keras.Input((8, 8, 12))]
    >>> AnchorRows()([images, *maps]).shape
    (None, 192, 9)
    """

    def __init__(
        self, side: float = 8, ratios: Sequence[float] = (0.5, 1, 2), **kwargs: Any
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.side = side
        self.ratios = tuple(ratios)

    def call(self, inputs: Sequence[Any]) -> Any:
        """The rows, level by level, `(batch, anchors, 9)`."""
        images, objectness, deltas = inputs
        sizes = [tuple(level.shape[1:3]) for level in objectness]
        steps = strides(tuple(images.shape[1:3]), sizes)
        rows = []
        for logits, moves, size, step in zip(
            objectness, deltas, sizes, steps, strict=True
        ):
            boxes = anchors(size, step, self.side, self.ratios)
            logits = ops.reshape(logits, (-1, len(boxes), 1))
            moves = ops.reshape(moves, (-1, len(boxes), 4))
            boxes = ops.zeros_like(moves) + boxes
            rows.append(ops.concatenate([boxes, logits, moves], axis=-1))
        return ops.concatenate(rows, axis=1)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple:
        """A row for each anchor."""
        images, objectness, _ = input_shape
        cells = sum(int(np.prod(level[1:3])) for level in objectness)
        return (images[0], cells * len(self.ratios), 9)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "side": self.side, "ratios": self.ratios}
