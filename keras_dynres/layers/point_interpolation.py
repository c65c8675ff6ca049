"""From rows of sampled points to a whole map."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.layers.interpolation import EPSILON, Interpolation, band
from keras_dynres.layers.rows import take_pixels, take_rows

# Up to which map one product of all rows with all points is the quickest way.
_FEW_POINTS = 256
# How many channels a window runs over at once.
_CHANNELS = 512


@keras.saving.register_keras_serializable(package="keras_dynres")
class PointInterpolation(keras.layers.Layer):
    """Puts rows of points where they belong and makes the other points of them.

    The first row of each image stands for points without samples. With `background` it
    is not zero, but what the layers before made of zeros, and only what differs from it
    is interpolated.

    Made by `PointInterpolation.of(interpolation, size, name)`; the weights are the
    interpolation's.

    Args:
        interpolation: The `Interpolation`.
        size: Height and width of the map.
        background: Whether the first row is not zero.

    Call arguments:
        rows: (batch, 1, 1 + count, channels), or (1, 1, 1 + all, channels).
        places: For each point the number of its row, (batch, points).
        index: The positions of `SampledPoints`.
        gates: What sampled points are multiplied by, where that is not 1.
        previous: What unsampled points are, for `"previous"`.
    """

    def __init__(
        self,
        interpolation: dict | Interpolation,
        size: Sequence[int],
        background: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(interpolation, dict):
            interpolation = keras.saving.deserialize_keras_object(interpolation)
            self._own = interpolation
        # Behind a function: the weights are the model's, not a part of this.
        self._interpolation = lambda: interpolation
        self._borrowed = list(interpolation.weights)
        self.size = tuple(size)
        self.background = bool(background)

    @classmethod
    def of(
        cls,
        interpolation: Interpolation,
        size: Sequence[int],
        background: bool,
        name: str,
    ) -> "PointInterpolation":
        """The layer for an interpolation of the model."""
        dtype = interpolation.dtype_policy
        return cls(interpolation, size, background, name=name, dtype=dtype)

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make."""

    @property
    def interpolation(self) -> Interpolation:
        """The interpolation whose weights are used."""
        return self._interpolation()

    @property
    def divides(self) -> bool:
        """Whether weighted sums are divided by sums of weights."""
        return self._interpolation().divides

    def compute_output_spec(
        self,
        rows: Any,
        places: Any,
        index: Any,
        gates: Any = None,
        previous: Any = None,
    ) -> keras.KerasTensor:
        """The map."""
        del index, gates, previous
        shape = (places.shape[0], *self.size, rows.shape[-1])
        return keras.KerasTensor(shape, rows.dtype)

    def call(
        self,
        rows: Any,
        places: Any,
        index: Any,
        gates: Any = None,
        previous: Any = None,
    ) -> Any:
        """The map."""
        small = math.prod(self.size) <= _FEW_POINTS
        if small and places.shape[0] == 1 and gates is None and self._fill.separable:
            return self._product(rows, places, index)
        return self._windows(rows, places, gates, previous)

    @property
    def _fill(self):
        return self._interpolation()

    def _product(self, rows, places, index):
        """Every point as a sum of rows: nothing is put in place, no map walked over."""
        height, width = self.size
        sampled = ops.cast(places > 0, "float32")
        near = self._fill.weights_at(ops.reshape(sampled, (1, height, width, 1)))
        share = (1 - sampled) / ops.reshape(near, (1, height * width))
        # A sample's window is a column times a row, and so is its own place.
        down, across = index[0] // width, index[0] % width
        profile = self._fill.profile()
        columns = take_rows(band(profile, height), down)
        lines = take_rows(band(profile, width), across)
        own = take_rows(np.eye(height, dtype="float32"), down)
        spot = take_rows(np.eye(width, dtype="float32"), across)
        parts = share * _outer(columns, lines) + _outer(own, spot)
        # What windows without samples leave of the average is the background's.
        parts = ops.concatenate([EPSILON * share, parts], axis=0)
        parts = ops.transpose(ops.cast(parts, rows.dtype))
        features = ops.matmul(parts[None, None], rows)
        return ops.reshape(features, (1, *self.size, rows.shape[-1]))

    def _windows(self, rows, places, gates, previous):
        """Rows put in place, and each point the average of its window."""
        fill = self._fill
        lifted = self.background and (fill.averages or gates is not None)
        if lifted:
            background = rows[:, :, :1]
            rows = rows - background
        sampled = ops.reshape(places > 0, (-1, *self.size, 1))
        if rows.shape[0] != 1 and places.shape[0] != 1:
            images = ops.arange(ops.shape(places)[0], dtype="int32")
            places = places + rows.shape[2] * images[:, None]
        features = take_pixels(rows, ops.reshape(places, (-1, *self.size)))
        if gates is not None:
            features = features * ops.cast(gates, features.dtype)
        if previous is not None:
            gate = sampled if gates is None else gates
            return features + (1 - ops.cast(gate, features.dtype)) * previous
        if fill.averages:
            gate = ops.cast(sampled if gates is None else gates, "float32")
            share = (1 - gate) / fill.weights_at(gate)
            around = self._around(features)
            features = features + ops.cast(share, features.dtype) * around
        return features + background if lifted else features

    def _around(self, features):
        """`Interpolation.spread`, by two narrow windows where it is separable."""
        if not self._fill.separable:
            return self._fill.spread(features)
        # The same for all channels: fewer of them, on a wider map, keep the weights of
        # the windows in a CPU's nearest memory.
        _, height, width, channels = features.shape
        together = math.gcd(channels, _CHANNELS)
        wide = channels // together
        view = features
        if wide > 1:
            view = ops.reshape(view, (-1, height, width * wide, together))
        profile = ops.cast(self._fill.profile(), features.dtype)
        ones = np.ones((1, 1, together, 1), "float32")
        ones = ops.cast(ones, features.dtype)
        down = profile[:, None, None, None] * ones
        view = ops.depthwise_conv(view, down, padding="same")
        across = profile[None, :, None, None] * ones
        view = ops.depthwise_conv(view, across, padding="same", dilation_rate=(1, wide))
        if wide > 1:
            view = ops.reshape(view, (-1, height, width, channels))
        return view

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        fill = keras.saving.serialize_keras_object(self._interpolation())
        return {
            **super().get_config(),
            "interpolation": fill,
            "size": self.size,
            "background": self.background,
        }


def _outer(columns: Any, lines: Any) -> Any:
    """For each number the product of its column and its line: (numbers, points)."""
    products = columns[:, :, None] * lines[:, None, :]
    return ops.reshape(products, (-1, columns.shape[1] * lines.shape[1]))
