"""What the networks for phones share: depthwise convolutions, widths, small stems."""

import math
from collections.abc import Iterator, Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.errors import DynresError


def depthwise(
    x: keras.KerasTensor, name: str, kernel: int = 3, stride: int = 1
) -> keras.KerasTensor:
    """A convolution of each channel by itself, padded as `_blocks.conv` pads."""
    x, padding = b.padded(x, kernel, stride, name)
    return keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        depthwise_initializer=b.initializer(),
        name=name,
    )(x)


def relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """A ReLU capped at 6."""
    return keras.layers.ReLU(max_value=6.0, name=name)(x)


def halvings(kind: str) -> tuple[int, int]:
    """Strides of the first two layers that halve: both dropped for small images."""
    return (2, 2) if kind == "imagenet" else (1, 1)


def blocks(
    stages: Sequence[Sequence[int]], second: int
) -> Iterator[tuple[int, int, int, str]]:
    """Yields each block's stage, channels, stride and name, in order.

    Args:
        stages: Channels of each block, stage by stage.
        second: The stride with which stage 2 begins; later stages begin with 2.
    """
    strides = (1, second, *(2 for _ in stages[2:]))
    for stage, (stride, channels) in enumerate(
        zip(strides, stages, strict=True), start=1
    ):
        for block, filters in enumerate(channels, start=1):
            name = f"stage{stage}_block{block}"
            yield stage, filters, stride if block == 1 else 1, name


def check_width(width: float) -> None:
    """Refuses anything but a number above 0."""
    number = isinstance(width, (int, float)) and not isinstance(width, bool)
    if not number or not 0 < width < math.inf:
        raise DynresError(f"width must be a number above 0. Received: width={width!r}.")


def by_eights(channels: float) -> int:
    """The nearest multiple of 8, at least 8 and not more than a tenth below."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
