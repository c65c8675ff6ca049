"""Residual networks with the activation after the addition."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.errors import DynresError, one_of
from keras_dynres.layers import DeformableConv2D

# Blocks of each stage; from 50 layers they are bottlenecks.
DEPTHS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    26: (3, 3, 3, 3),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def resnet(
    depth: int = 50,
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int | None = 1000,
    stem: str = "auto",
    channels: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    deformable: Sequence[int] = (),
    modulated: bool = False,
    family: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """Residual network whose blocks end with a ReLU after the addition.

    From 50 layers the blocks are bottlenecks with the stride on the 3x3 convolution
    (the "v1.5" form of the public weights). Layers are named `stage1_block1_conv1`,
    `..._bn1`, `..._shortcut` (only where the shape changes), `..._add`, `..._relu`.

    Example:

    ```python
    model = resnet(depth=18, input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        depth: 10, 18, 26, 34, 50, 101 or 152 of the ImageNet family; 6n + 2, such as
            20, 56 or 110, of the CIFAR family.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits; None leaves the classifier out, and the network
            gives its last feature map.
        stem: `"imagenet"` (7x7 convolution at stride 2, max pooling), `"deep"` (three
            3x3 convolutions in its place, the last of twice the channels), `"cifar"`
            (one 3x3 convolution), `"pooled"` (that and max pooling), or `"auto"`: the
            CIFAR one for images below 64 pixels, else the first.
        channels: Channels of each stage, of bottlenecks a quarter of what they give;
            by default the family's.
        dilations: Of the 3x3 convolutions of each stage, such as `(1, 1, 2, 4)`: a
            dilated stage keeps the size of its input where it would halve it, and
            fits the weights of one that strides. By default none is dilated.
        deformable: Numbers of the stages in which the 3x3 convolution of a bottleneck
            reads its taps where offsets move them, such as `(2, 3, 4)`: `..._conv2` is
            a `DeformableConv2D`, and `..._offset`, a 3x3 convolution of the block's
            input that starts at zero, gives its offsets. Height and width are known.
        modulated: Whether the deformable convolutions have masks too.
        family: `"imagenet"`, four stages of 64 to 512 channels; `"cifar"`, the paper's
            three of 16, 32 and 64 (here with projection shortcuts); or `"auto"`: the
            first wherever it has the depth, and the second for small images or where
            `channels` says how wide its stages are.
        name: Name of the model; `"resnet_50"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [Deep Residual Learning for Image Recognition](
        https://arxiv.org/abs/1512.03385) (He et al., 2015)
    """
    blocks = _blocks(depth, family)
    stem = b.stem_kind(stem, input_shape, "deep", "pooled")
    if family == "auto" and len(blocks) == 3 and not channels and stem != "cifar":
        raise _narrow(depth, input_shape)
    if classes is not None:
        b.check_positive(classes=classes)
    inputs = b.image_input(input_shape)
    standard = (64, 128, 256, 512) if len(blocks) == 4 else (16, 32, 64)
    channels = _one_a_stage("channels", channels or standard, len(blocks))
    dilations = _one_a_stage("dilations", dilations or [1] * len(blocks), len(blocks))
    x = b.stem(inputs, stem, channels[0])
    is_deep = len(blocks) == 4 and depth >= 50
    moving = _deformable_stages(deformable, modulated, len(blocks), is_deep)
    block = bottleneck if is_deep else _basic
    for key, filters, stride in b.stages(blocks, channels, dilations):
        is_moving = key.startswith(moving)
        options = {"deformable": True, "modulated": modulated} if is_moving else {}
        options["dilations"] = _dilations(key, dilations)
        x = block(x, filters, stride, key, **options)
    outputs = x if classes is None else b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"resnet_{depth}")


def _blocks(depth: int, family: str) -> tuple[int, ...]:
    """Blocks of each stage."""
    rules = {
        "auto": ("ResNet", DEPTHS, 6, 2),
        "imagenet": ("ResNet of the ImageNet family", DEPTHS),
        "cifar": ("ResNet of the CIFAR family", None, 6, 2),
    }
    name, *rule = rules[one_of("family of a ResNet", family, rules)]
    return b.blocks_per_stage(name, depth, *rule)


def _narrow(depth: int, input_shape: Sequence[int | None]) -> DynresError:
    return DynresError(
        f"A ResNet of {depth} layers is one of three stages of 16, 32 and 64 channels, "
        "made for small images. For large ones take a depth of "
        f"{', '.join(map(str, DEPTHS))}, or say the channels of its stages, or "
        f"family='cifar'. Received: depth={depth}, input_shape={tuple(input_shape)}."
    )


def _dilations(block: str, stages: Sequence[int]) -> tuple[int, int]:
    """Of a block's first 3x3 convolution and of those after it.

    The first of a stage would stride: at every second point it computes what it then
    would, with the dilation of the stage before. So weights trained with strides fit.
    """
    stage, number = (int(part.lstrip("stageblock")) for part in block.split("_"))
    own = stages[stage - 1]
    first = number == 1 and stage > 1 and own > 1
    return (stages[stage - 2] if first else own), own


def _one_a_stage(what: str, values: Sequence[int], stages: int) -> tuple[int, ...]:
    values = tuple(values)
    if len(values) != stages:
        raise DynresError(
            f"This network has {stages} stages: give the {what} of each. "
            f"Received: {what}={values!r}"
        )
    for count in values:
        b.check_positive(**{what: count})
    return values


def _deformable_stages(
    deformable: Sequence[int], modulated: bool, stages: int, is_deep: bool
) -> tuple[str, ...]:
    """What the names of deformable stages' blocks begin with."""
    numbers = tuple(deformable)
    if numbers and not is_deep:
        raise DynresError(
            "Only bottlenecks have deformable convolutions: depth must be 50, 101 or "
            f"152. Received: deformable={deformable!r}"
        )
    if not set(numbers) <= set(range(1, stages + 1)):
        raise DynresError(
            f"deformable must be numbers of stages, from 1 to {stages}. "
            f"Received: deformable={deformable!r}"
        )
    if modulated and not numbers:
        raise DynresError(
            "Only deformable convolutions are modulated: say in which stages they are. "
            "Received: modulated=True, deformable=()"
        )
    return tuple(f"stage{number}_" for number in numbers)


def bottleneck(
    x: keras.KerasTensor,
    filters: int,
    stride: int,
    name: str,
    width: int | None = None,
    groups: int = 1,
    dilations: tuple[int, int] = (1, 1),
    deformable: bool = False,
    modulated: bool = False,
) -> keras.KerasTensor:
    """1x1, 3x3, 1x1 convolution to `4 * filters` channels; ResNeXt's block too."""
    width = width or filters
    y = b.bn(b.conv(x, width, 1, f"{name}_conv1"), f"{name}_bn1")
    y = b.relu(y, f"{name}_relu1")
    if deformable:
        y = _moved(x, y, stride, groups, dilations[0], modulated, name)
    else:
        dilation = dilations[0]
        y = b.conv(y, width, 3, f"{name}_conv2", stride, groups, dilation=dilation)
    y = b.relu(b.bn(y, f"{name}_bn2"), f"{name}_relu2")
    y = b.bn(b.conv(y, 4 * filters, 1, f"{name}_conv3"), f"{name}_bn3")
    return _join(x, y, stride, name)


def _moved(
    x: keras.KerasTensor,
    y: keras.KerasTensor,
    stride: int,
    groups: int,
    dilation: int,
    modulated: bool,
    name: str,
) -> keras.KerasTensor:
    """The 3x3 convolution of y with taps that move by what is computed from x."""
    convolution = DeformableConv2D(
        y.shape[-1],
        3,
        strides=stride,
        padding="same",
        dilation_rate=dilation,
        groups=groups,
        modulated=modulated,
        use_bias=False,
        kernel_initializer=b.initializer(),
        name=f"{name}_conv2",
    )
    x, padding = b.padded(x, 3, stride, f"{name}_offset")
    offsets = keras.layers.Conv2D(
        convolution.offset_channels,
        3,
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        kernel_initializer="zeros",
        name=f"{name}_offset",
    )(x)
    return convolution([y, offsets])


def _basic(
    x: keras.KerasTensor,
    filters: int,
    stride: int,
    name: str,
    dilations: tuple[int, int] = (1, 1),
) -> keras.KerasTensor:
    first, second = dilations
    y = b.conv(x, filters, 3, f"{name}_conv1", stride, dilation=first)
    y = b.relu(b.bn(y, f"{name}_bn1"), f"{name}_relu1")
    y = b.bn(b.conv(y, filters, 3, f"{name}_conv2", dilation=second), f"{name}_bn2")
    return _join(x, y, stride, name)


def _join(
    x: keras.KerasTensor, y: keras.KerasTensor, stride: int, name: str
) -> keras.KerasTensor:
    filters = y.shape[-1]
    if stride > 1 or x.shape[-1] != filters:
        x = b.conv(x, filters, 1, f"{name}_shortcut", stride)
        x = b.bn(x, f"{name}_shortcut_bn")
    return b.relu(b.add(x, y, f"{name}_add"), f"{name}_relu")
