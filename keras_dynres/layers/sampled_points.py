"""The points of a map that an instance computes."""

from typing import Any

import keras
from keras import ops

from keras_dynres.layers.rows import positions
from keras_dynres.layers.sampling_mask import SamplingMask


@keras.saving.register_keras_serializable(package="keras_dynres")
class SampledPoints(keras.layers.Layer):
    """Positions of a mask's sampled points, and where each point's row stands.

    With a count every image has as many, and shapes are static. Without one, the points
    of all images stand in one row, and how many there are depends on the images:
    TensorFlow runs that.

    Made by `SampledPoints.of(mask, count, name)`.

    Returns:
        - Positions: (batch, count), in the image; or (1, all), in the batch.
        - Rows: (batch, points), the number from 1 of each point's row; 0 where it is
          not sampled. Of images' own rows with a count, else of all rows.
        - The mask (batch, height, width, 1), where it is not binary.
    """

    def __init__(
        self, mask: dict | SamplingMask, count: int | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(mask, dict):
            mask = keras.saving.deserialize_keras_object(mask)
        # Behind a function: the mask is the model's, not a part of this.
        self._mask = lambda: mask
        self.count = None if count is None else int(count)
        if mask.random:
            self.generator = mask.generator

    @classmethod
    def of(cls, mask: SamplingMask, count: int | None, name: str) -> "SampledPoints":
        """The layer for a mask of the model."""
        return cls(mask, count, name=name, dtype="float32")

    @property
    def by_scores(self) -> bool:
        """Whether scores decide which points are sampled."""
        return self._mask().by_scores

    @property
    def by_threshold(self) -> bool:
        """Whether points are those with scores above 0, however many."""
        return self.count is None

    @property
    def random(self) -> bool:
        """Whether points are drawn anew at each call."""
        return self._mask().random

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make."""

    def compute_output_spec(self, scores: keras.KerasTensor) -> list:
        """Positions, rows, and a mask that is not binary."""
        mask, batch = self._mask(), scores.shape[0]
        one_row = self.count is None
        shape = (1, None) if one_row else (batch, self.count)
        outputs = [
            keras.KerasTensor(shape, "int32"),
            keras.KerasTensor((batch, mask.points), "int32"),
        ]
        if not mask.binary:
            outputs.append(keras.KerasTensor((batch, *mask.size, 1), "float32"))
        return outputs

    def call(self, scores: Any) -> list:
        """Chooses the points."""
        mask = self._mask()
        ranks = mask.ranks(scores)
        if self.count is None:
            sampled = ops.reshape(mask.above(ranks), (-1,))
            index = positions(sampled)[None]
            counted = ops.cumsum(ops.cast(sampled, "int32"))
            rows = ops.reshape(counted * ops.cast(sampled, "int32"), (-1, mask.points))
        else:
            index = ops.cast(mask.chosen(ranks, self.count), "int32")
            rows = _rows_of(index, mask.points)
        outputs = [index, rows]
        if not mask.binary:
            gates = mask.gates(scores)
            sampled = ops.reshape(rows > 0, ops.shape(gates))
            outputs.append(gates * ops.cast(sampled, gates.dtype))
        return outputs

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "mask": keras.saving.serialize_keras_object(self._mask()),
            "count": self.count,
        }


def _rows_of(index: Any, points: int) -> Any:
    """For each point of each image the number, from 1, of its place in the index."""
    count = index.shape[1]
    numbers = ops.arange(1, count + 1, dtype="int32")
    if index.shape[0] == 1:
        return ops.scatter(index[0][:, None], numbers, (points,))[None]
    images = ops.shape(index)[0]
    flat = index + points * ops.arange(images, dtype="int32")[:, None]
    numbers = ops.reshape(ops.zeros_like(index) + numbers, (-1,))
    rows = ops.scatter(ops.reshape(flat, (-1, 1)), numbers, (images * points,))
    return ops.reshape(rows, (-1, points))
