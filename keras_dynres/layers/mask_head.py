"""Scores of a map's points: how much each is worth being computed."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.layers.interpolation import slowed

# Columns of a product that a CPU computes as quickly as one.
_COLUMNS = 16
# At the start almost every point is sampled: a sigmoid of 3 is 0.95.
FIRST_SCORE = 3.0


@keras.saving.register_keras_serializable(package="keras_dynres")
class MaskHead(keras.layers.Layer):
    """A 3x3 convolution with bias from a block's input to a score for each mask.

    The kernel begins with zeros and the bias with 3, so that almost everything is
    sampled at first. One pixel is padded on each side, at stride 2 too.

    It is computed as a product of all pixels with the nine taps, nine columns a mask,
    which are then shifted and added: the same numbers, and much quicker than a
    convolution to one or two channels.

    Args:
        masks: How many masks are scored.
        strides: Stride of the convolution whose points are sampled.
        rate_factor: What the weights' gradients are multiplied by.

    Example:

    >>> tuple(MaskHead(2, strides=2)(keras.ops.ones((1, 9, 8, 4))).shape)
    (1, 5, 4, 2)
    """

    def __init__(
        self,
        masks: int = 1,
        strides: int = 1,
        rate_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.masks = int(masks)
        self.strides = int(strides)
        self.rate_factor = float(rate_factor)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes kernel and bias."""
        self.kernel = self.add_weight(
            shape=(3, 3, input_shape[-1], self.masks),
            initializer="zeros",
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.masks,),
            initializer=keras.initializers.Constant(FIRST_SCORE),
            name="bias",
            autocast=False,
        )

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """A score for each mask at each point of the convolution's output."""
        batch, height, width, _ = input_shape
        sizes = (None if n is None else -(-n // self.strides) for n in (height, width))
        return batch, *sizes, self.masks

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """float32, whatever the precision: thresholds are near."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "float32")

    def call(self, inputs: Any) -> Any:
        """The scores, float32."""
        kernel = ops.cast(slowed(self.kernel, self.rate_factor), inputs.dtype)
        bias = slowed(self.bias, self.rate_factor)
        columns = ops.reshape(
            ops.transpose(kernel, (2, 0, 1, 3)), (1, 1, inputs.shape[-1], -1)
        )
        # Not `ops.pad`: TensorFlow on a CPU takes it for the map's padding, and dies.
        more = (1, 1, inputs.shape[-1], -columns.shape[-1] % _COLUMNS)
        columns = ops.concatenate([columns, ops.zeros(more, columns.dtype)], axis=-1)
        taps = ops.cast(ops.conv(inputs, columns), "float32")
        taps = ops.pad(taps, ((0, 0), (1, 1), (1, 1), (0, 0)))
        shifts, sums = _shifts(self.masks, columns.shape[-1])
        taps = ops.depthwise_conv(taps, shifts, strides=self.strides, padding="valid")
        return ops.conv(taps, sums) + bias

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "masks": self.masks,
            "strides": self.strides,
            "rate_factor": self.rate_factor,
        }


def _shifts(masks: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernels that put a tap's column where it belongs, and that add the columns."""
    shifts = np.zeros((3, 3, columns, 1), "float32")
    sums = np.zeros((1, 1, columns, masks), "float32")
    for column in range(9 * masks):
        row, rest = divmod(column, 3 * masks)
        tap, mask = divmod(rest, masks)
        shifts[row, tap, column] = 1
        sums[0, 0, column, mask] = 1
    return shifts, sums
