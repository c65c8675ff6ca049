"""What a convolution reads at some points of its output."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.layers.rows import take_pixels, take_rows


@keras.saving.register_keras_serializable(package="keras_dynres")
class PointPatches(keras.layers.Layer):
    """Gathers the windows of a map that a convolution reads at some points.

    They stand side by side, (batch, taps, taps * points, channels): a convolution with
    the same kernel whose stride is the kernel's size computes the points' outputs.

    Args:
        window: Height and width of the kernel.
        strides: Of the convolution, rows and columns.
        dilation: Of the convolution, rows and columns.
        padding: Rows before and after, columns before and after.
        count: How many points there are in each image; None where all images' points
            stand in one row.

    Call arguments:
        inputs: The map, and positions of `SampledPoints`.

    Example:

    >>> image = keras.ops.reshape(keras.ops.arange(9.0), (1, 3, 3, 1))
    >>> index = keras.ops.convert_to_tensor([[4]])
    >>> patches = PointPatches((3, 3), padding=(1, 1, 1, 1), count=1)([image, index])
    >>> keras.ops.convert_to_numpy(patches)[0, :, :, 0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
    """

    def __init__(
        self,
        window: Sequence[int] = (1, 1),
        strides: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
        padding: Sequence[int] = (0, 0, 0, 0),
        count: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.window = tuple(window)
        self.strides = tuple(strides)
        self.dilation = tuple(dilation)
        self.padding = tuple(padding)
        self.count = count

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make."""

    def compute_output_spec(self, inputs: list) -> keras.KerasTensor:
        """The windows side by side."""
        features, index = inputs
        batch, points = index.shape
        rows, columns = self.window
        wide = None if points is None else columns * points
        return keras.KerasTensor(
            (batch, rows, wide, features.shape[-1]), features.dtype
        )

    def call(self, inputs: list) -> Any:
        """Gathers."""
        features, index = inputs
        _, height, width, _ = features.shape
        starts, points = self._starts(height, width)
        top, bottom, left, right = self.padding
        if any(self.padding):
            features = ops.pad(features, ((0, 0), (top, bottom), (left, right), (0, 0)))
        width += left + right
        size = (height + top + bottom) * width
        if self.count is None and features.shape[0] == 1:
            places = take_rows(starts, index)
        elif self.count is None:
            places = take_rows(starts, index % points) + index // points * size
        else:
            places = index if starts is None else take_rows(starts, index)
            if index.shape[0] != 1:
                images = ops.arange(ops.shape(index)[0], dtype="int32")
                places = places + size * images[:, None]
        places = self._windows(places, width)
        return take_pixels(features, places)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "window": self.window,
            "strides": self.strides,
            "dilation": self.dilation,
            "padding": self.padding,
            "count": self.count,
        }

    def _starts(self, height, width):
        """Where in the padded map each output's window starts; how many outputs.

        None in place of a list that says nothing.
        """
        top, bottom, left, right = self.padding
        wide = width + left + right
        reach = [(k - 1) * d for k, d in zip(self.window, self.dilation, strict=True)]
        rows = np.arange(0, height + top + bottom - reach[0], self.strides[0])
        columns = np.arange(0, wide - reach[1], self.strides[1])
        starts = (rows[:, None] * wide + columns).reshape(-1).astype("int32")
        plain = self.count is not None and np.array_equal(
            starts, np.arange(height * width)
        )
        return (None if plain else starts), len(starts)

    def _windows(self, places, width):
        """(batch, rows, columns * points) of what each window reads."""
        rows, columns = self.window
        if self.window == (1, 1):
            return places[:, None]
        down = (np.arange(rows) * self.dilation[0] * width).astype("int32")
        across = (np.arange(columns) * self.dilation[1]).astype("int32")
        places = places[:, None, :, None] + down[:, None, None] + across
        points = self.count if self.count is not None else ops.shape(places)[2]
        images = places.shape[0] or -1
        return ops.reshape(places, (images, rows, points * columns))
