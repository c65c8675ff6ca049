"""The grid of a few bits on which a kernel's values stand, a step for each channel."""

from typing import Any

import keras
from keras import ops

# The layers whose kernels are put on a grid, as the converter does.
LAYERS = (keras.layers.Conv2D, keras.layers.Conv1D, keras.layers.DepthwiseConv2D)


def on_grid(kernel: Any, axes: tuple[int, ...], bits: int = 8) -> Any:
    """The kernel with each value at the nearest point of its channel's grid.

    The grid is symmetric: `2**bits - 1` points from minus to plus the channel's
    largest value. What is on it already stays, to the last bit but one.

    >>> keras.ops.convert_to_numpy(on_grid([[0.1], [0.6], [-1.5]], (0,), 3)).tolist()
    [[0.0], [0.5], [-1.5]]

    Args:
        kernel: An array.
        axes: The axes of a channel, as `channel_axes` says.
        bits: Bits a value.
    """
    kernel = ops.convert_to_tensor(kernel, "float32")
    step = ops.max(ops.abs(kernel), axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)
    step = ops.where(step == 0, 1.0, step)
    return ops.round(kernel / step) * step


def channel_axes(layer: keras.layers.Layer) -> tuple[int, ...]:
    """The axes of a layer's kernel that make up one channel.

    >>> channel_axes(keras.layers.DepthwiseConv2D(3))
    (0, 1)
    """
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return (0, 1)
    return tuple(range(layer.rank + 1))
