"""Pooling to any fraction of the size."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.errors import DynresError, one_of


def scaled_size(size: int, ratio: float) -> int:
    """The paper's new size: Python's `round`, half to even, at least one cell."""
    return max(1, round(size * ratio))


def window_bounds(size: int, cells: int) -> list[tuple[int, int]]:
    """Start and end of each cell's window; windows may overlap, none is empty."""
    return [(i * size // cells, -(-(i + 1) * size // cells)) for i in range(cells)]


@keras.saving.register_keras_serializable(package="keras_dynres")
class AdaptivePooling2D(keras.layers.Layer):
    """Pools a feature map to `round(size * ratio)` cells a side.

    Cell i of m averages (or takes the maximum of) the input cells from
    floor(i n / m) up to ceil((i + 1) n / m), so any ratio is possible and windows
    may overlap.

    Args:
        ratio: Fraction of height and width that is kept, in (0, 1]; or one of each.
        mode: `"average"` or `"max"`.

    Example:

    >>> tuple(AdaptivePooling2D(0.75)(keras.ops.ones((1, 8, 8, 3))).shape)
    (1, 6, 6, 3)
    """

    def __init__(
        self, ratio: float | Sequence[float], mode: str = "average", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        pair = ratio if isinstance(ratio, (list, tuple)) else (ratio, ratio)
        if len(pair) != 2 or not all(0 < side <= 1 for side in pair):
            raise DynresError(f"A ratio lies in (0, 1]. Received: ratio={ratio}")
        self.ratio, self._sides = ratio, tuple(pair)
        self.mode = one_of("mode", mode, ("average", "max"))

    def cells(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what a map of this size becomes."""
        return scaled_size(height, self._sides[0]), scaled_size(width, self._sides[1])

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Height and width scaled, the rest kept."""
        batch, height, width, channels = input_shape
        if height is None or width is None:
            raise DynresError(
                f"{self.name} needs a known height and width. "
                f"Received: input shape {tuple(input_shape)}"
            )
        return (batch, *self.cells(height, width), channels)

    def call(self, inputs: Any) -> Any:
        """Pools one axis after the other."""
        _, new_height, new_width, _ = self.compute_output_shape(inputs.shape)
        pool = self._average if self.mode == "average" else self._max
        return pool(pool(inputs, 1, new_height), 2, new_width)

    def _average(self, x: Any, axis: int, cells: int) -> Any:
        # A product with a constant matrix: every backend and TFLite's XNNPACK run it,
        # and one path serves all ratios.
        size = x.shape[axis]
        weights = np.zeros((cells, size), "float32")
        for i, (start, end) in enumerate(window_bounds(size, cells)):
            weights[i, start:end] = 1 / (end - start)
        weights = ops.cast(weights, x.dtype)
        _, height, width, channels = x.shape
        if axis == 1:
            rows = ops.matmul(weights, ops.reshape(x, (-1, size, width * channels)))
            return ops.reshape(rows, (-1, cells, width, channels))
        return ops.matmul(weights, x)

    def _max(self, x: Any, axis: int, cells: int) -> Any:
        # Windows repeat from block to block of the smallest period, so a handful of
        # slices does; XNNPACK joins five at most.
        shape = list(x.shape)
        blocks = math.gcd(shape[axis], cells)
        windows = window_bounds(shape[axis] // blocks, cells // blocks)
        before, after = math.prod(shape[1:axis]), math.prod(shape[axis + 1 :])
        x = ops.reshape(x, (-1, before * blocks, shape[axis] // blocks, after))
        parts = [ops.max(x[:, :, a:b], axis=2, keepdims=True) for a, b in windows]
        x = ops.concatenate(parts, axis=2)
        return ops.reshape(x, (-1, *shape[1:axis], cells, *shape[axis + 1 :]))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "ratio": self.ratio, "mode": self.mode}
