"""The grid of a few bits on which a kernel's values stand, a step for each channel."""

from typing import Any

import keras
import numpy as np
from keras import ops

# The layers whose kernels are put on a grid, as the converter does.
LAYERS = (keras.layers.Conv2D, keras.layers.Conv1D, keras.layers.DepthwiseConv2D)


def on_grid(kernel: Any, axes: tuple[int, ...], bits: int = 8) -> Any:
    """The kernel with each value at the nearest point of its channel's grid.

    The grid is symmetric: `2**bits - 1` points. At 8 bits it ends at the channel's
    largest value, as the converter's does; with fewer, where the cubes of the channel's
    errors are least, and what lies beyond its end comes to stand there. (By squares too
    much does: the largest weights matter most.) What is on it already stays, to the
    last bit but one.

    >>> keras.ops.convert_to_numpy(on_grid([[0.1], [0.6], [-1.5]], (0,), 3)).tolist()
    [[0.0], [0.5], [-1.5]]

    Args:
        kernel: An array.
        axes: The axes of a channel, as `channel_axes` says.
        bits: Bits a value.
    """
    kernel = ops.convert_to_tensor(kernel, "float32")
    last = 2 ** (bits - 1) - 1
    step = ops.max(ops.abs(kernel), axis=axes, keepdims=True) / last
    if bits < 8:
        step = _best(kernel, axes, step, last)
    return _nearest(kernel, step, last)


def _best(kernel, axes, step, last):
    """The step with which a channel errs least, of those up to what is given."""
    shares = np.linspace(1, 0.4, 13, dtype="float32")
    steps = ops.stack([step * share for share in shares])
    errors = ops.sum(
        ops.power(ops.abs(_nearest(kernel, steps, last) - kernel), 3),
        axis=tuple(axis + 1 for axis in axes),
        keepdims=True,
    )
    best = ops.argmin(errors, axis=0, keepdims=True)
    return ops.take_along_axis(steps, best, axis=0)[0]


def _nearest(kernel, step, last):
    step = ops.where(step == 0, 1.0, step)
    return ops.clip(ops.round(kernel / step), -last, last) * step


def channel_axes(layer: keras.layers.Layer) -> tuple[int, ...]:
    """The axes of a layer's kernel that make up one channel.

    >>> channel_axes(keras.layers.DepthwiseConv2D(3))
    (0, 1)
    """
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return (0, 1)
    return tuple(range(layer.rank + 1))
