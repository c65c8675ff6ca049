"""Units that work on half of the channels and mix the halves afterwards."""

from collections.abc import Callable

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures import _mobile as m
from keras_dynres.layers import ChannelShuffle

# `branch(x, filters, width, stride, name, kernel)`: the work of a unit.
Branch = Callable[..., keras.KerasTensor]


def unit(
    x: keras.KerasTensor,
    filters: int,
    stride: int,
    name: str,
    branch: Branch,
    shortcut: int | None = None,
    kernel: int = 3,
) -> keras.KerasTensor:
    """A unit that passes on half of its channels and works on the other half.

    Where the shape changes, both paths see all channels, and what is passed on goes
    through a depthwise and a 1x1 convolution.

    Args:
        x: The feature map.
        filters: Channels of the unit's output.
        stride: 1, or 2 to halve the map.
        name: Start of the layers' names.
        branch: The work: `branch(x, filters, width, stride, name, kernel)`, with the
            channels to return and those inside.
        shortcut: Channels passed on where the shape changes, by default the input's.
        kernel: Size of the depthwise convolutions.
    """
    half = filters // 2
    if stride == 1 and x.shape[-1] == filters:
        kept = _cropped(x, (0, half), f"{name}_kept")
        x = _cropped(x, (half, 0), f"{name}_worked")
    else:
        kept = _projected(x, shortcut or x.shape[-1], stride, name, kernel)
    made = branch(x, filters - kept.shape[-1], half, stride, name, kernel)
    x = keras.layers.Concatenate(name=f"{name}_concat")([kept, made])
    return ChannelShuffle(name=f"{name}_shuffle")(x)


def shuffle_branch(
    x: keras.KerasTensor, filters: int, width: int, stride: int, name: str, kernel: int
) -> keras.KerasTensor:
    """The work of a ShuffleNetV2 unit: 1x1, depthwise, 1x1 convolution."""
    x = _mixed(x, width, name, 1)
    x = b.bn(m.depthwise(x, f"{name}_depthwise", kernel, stride), f"{name}_bn2")
    x = b.bn(b.conv(x, filters, 1, f"{name}_conv2"), f"{name}_bn3")
    return b.relu(x, f"{name}_relu2")


def xception_branch(
    x: keras.KerasTensor, filters: int, width: int, stride: int, name: str, kernel: int
) -> keras.KerasTensor:
    """The work of an Xception unit: three times depthwise and 1x1 convolution."""
    for index, size in enumerate((width, width, filters), start=1):
        x = m.depthwise(x, f"{name}_depthwise{index}", kernel, stride)
        x = b.bn(x, f"{name}_depthwise_bn{index}")
        x = _mixed(x, size, name, index)
        stride = 1
    return x


def gated_branch(
    branch: Branch,
    x: keras.KerasTensor,
    filters: int,
    width: int,
    stride: int,
    name: str,
    kernel: int,
) -> keras.KerasTensor:
    """The work of a unit, and a gate at its end."""
    return gated(branch(x, filters, width, stride, name, kernel), name)


def gated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Squeeze-and-excitation: each channel times a factor made of all channels."""
    y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_pool")(x)
    y = b.conv(y, x.shape[-1] // 4, 1, f"{name}_se_conv1", use_bias=True)
    y = b.relu(y, f"{name}_se_relu")
    y = b.conv(y, x.shape[-1], 1, f"{name}_se_conv2", use_bias=True)
    y = keras.layers.Activation("sigmoid", name=f"{name}_se_gate")(y)
    return keras.layers.Multiply(name=f"{name}_se")([x, y])


def _cropped(
    x: keras.KerasTensor, ends: tuple[int, int], name: str
) -> keras.KerasTensor:
    # Told that channels come first, the layer crops the last axis. A slice would be an
    # operation whose name changes with what was built before.
    return keras.layers.Cropping2D(
        ((0, 0), ends), data_format="channels_first", name=name
    )(x)


def _projected(
    x: keras.KerasTensor, filters: int, stride: int, name: str, kernel: int
) -> keras.KerasTensor:
    x = m.depthwise(x, f"{name}_shortcut_depthwise", kernel, stride)
    x = b.bn(x, f"{name}_shortcut_bn1")
    x = b.bn(b.conv(x, filters, 1, f"{name}_shortcut"), f"{name}_shortcut_bn2")
    return b.relu(x, f"{name}_shortcut_relu")


def _mixed(
    x: keras.KerasTensor, filters: int, name: str, index: int
) -> keras.KerasTensor:
    x = b.bn(b.conv(x, filters, 1, f"{name}_conv{index}"), f"{name}_bn{index}")
    return b.relu(x, f"{name}_relu{index}")
