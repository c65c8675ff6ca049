"""Gaussian blur and decimation."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.errors import DynresError


def gaussian_taps(ratio: int) -> np.ndarray:
    """The blur along one axis; its deviation is half the ratio.

    Three times as many taps as the ratio, centred between the pixels that become one,
    so the image is not shifted.

    >>> [round(float(tap), 3) for tap in gaussian_taps(2)]
    [0.018, 0.13, 0.353, 0.353, 0.13, 0.018]
    """
    distance = np.arange(3 * ratio) - (3 * ratio - 1) / 2
    taps = np.exp(-0.5 * (distance / (ratio / 2)) ** 2)
    return taps / taps.sum()


def gaussian_shares(size: int, ratio: int) -> np.ndarray:
    """How much of each blurred pixel's weight lies inside the image."""
    inside = np.pad(np.ones(size), ratio)
    windows = np.lib.stride_tricks.sliding_window_view(inside, 3 * ratio)[::ratio]
    return windows @ gaussian_taps(ratio)


@keras.saving.register_keras_serializable(package="keras_dynres")
class GaussianDownsample2D(keras.layers.Layer):
    """Blurs an image and keeps every ratio-th pixel of height and width.

    At the border the blur is over what there is of the image.

    Args:
        ratio: A whole number that divides height and width.

    Example:

    >>> tuple(GaussianDownsample2D(2)(keras.ops.ones((1, 8, 8, 3))).shape)
    (1, 4, 4, 3)
    """

    def __init__(self, ratio: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ratio = ratio

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Height and width divided, the rest kept."""
        batch, height, width, channels = input_shape
        if None in (height, width) or height % self.ratio or width % self.ratio:
            raise DynresError(
                f"{self.name} needs a height and width that {self.ratio} divides. "
                f"Received: input shape {tuple(input_shape)}"
            )
        return batch, height // self.ratio, width // self.ratio, channels

    def call(self, inputs: Any) -> Any:
        """One strided convolution of each channel by itself."""
        self.compute_output_shape(inputs.shape)
        _, height, width, channels = inputs.shape
        ratio, taps = self.ratio, gaussian_taps(self.ratio)
        kernel = np.repeat(np.outer(taps, taps)[..., None, None], channels, axis=2)
        shares = [gaussian_shares(size, ratio) for size in (height, width)]
        scale = (1 / np.outer(*shares))[..., None]
        kernel = ops.cast(kernel, inputs.dtype)
        scale = ops.cast(scale, inputs.dtype)
        border = [(0, 0), (ratio, ratio), (ratio, ratio), (0, 0)]
        padded = ops.pad(inputs, border)
        return scale * ops.depthwise_conv(padded, kernel, ratio, padding="valid")

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "ratio": self.ratio}
