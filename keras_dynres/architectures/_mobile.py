"""What the networks for phones share: depthwise convolutions, widths, small stems."""

import math

import keras

from keras_dynres.errors import DynresError


def depthwise(x, name, kernel=3, stride=1):
    """A convolution of each channel by itself, padded as `_blocks.conv` pads."""
    padding = "same"
    if stride > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    return keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
    )(x)


def relu6(x, name):
    """A ReLU capped at 6."""
    return keras.layers.ReLU(max_value=6.0, name=name)(x)


def halvings(kind):
    """Strides of the first two layers that halve: both dropped for small images."""
    return (2, 2) if kind == "imagenet" else (1, 1)


def check_width(width):
    """Refuses anything but a number above 0."""
    number = isinstance(width, (int, float)) and not isinstance(width, bool)
    if not number or not 0 < width < math.inf:
        raise DynresError(f"width must be a number above 0. Received: width={width!r}.")


def by_eights(channels):
    """The nearest multiple of 8, at least 8 and not more than a tenth below."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
