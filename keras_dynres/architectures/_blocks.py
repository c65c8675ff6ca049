"""What the families share: padded convolutions, batch norm, stem, head, checks."""

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any

import keras

from keras_dynres.errors import DynresError, one_of


def conv(
    x: keras.KerasTensor,
    filters: int,
    kernel: int,
    name: str,
    stride: int = 1,
    groups: int = 1,
    use_bias: bool = False,
    dilation: int = 1,
) -> keras.KerasTensor:
    """Convolution that pads `kernel // 2` on each side, as the published nets do.

    With a dilation it pads that many times as much, and the map keeps its size.
    """
    if stride > 1 and dilation > 1:
        raise DynresError(
            "A convolution strides or is dilated. "
            f"Received: stride={stride}, dilation={dilation}"
        )
    x, padding = padded(x, kernel, stride, name)
    return keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=use_bias,
        kernel_initializer=initializer(),
        name=name,
    )(x)


def padded(
    x: keras.KerasTensor, kernel: int, stride: int, name: str
) -> tuple[keras.KerasTensor, str]:
    """The input of a convolution, and the padding the convolution itself is to do."""
    if stride == 1 or kernel == 1:
        return x, "same"
    # Keras' "same" pads unevenly at stride 2; weights from elsewhere expect the same
    # number of pixels on each side.
    return keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x), "valid"


def initializer() -> keras.Initializer:
    """Of kernels whose outputs go into a ReLU (He et al., 2015)."""
    return keras.initializers.VarianceScaling(
        2.0, mode="fan_out", distribution="untruncated_normal"
    )


def bn(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalisation with the published nets' constants."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """A ReLU of its own: no activation layer is used twice."""
    return keras.layers.ReLU(name=name)(x)


def add(x: keras.KerasTensor, y: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Residual addition."""
    return keras.layers.Add(name=name)([x, y])


def head(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Global average pooling and the classifier, whose logits are float32."""
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    return logits(x, classes)


def logits(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """The classifier: float32 whatever the precision of the layers before it."""
    return keras.layers.Dense(classes, dtype="float32", name="logits")(x)


def stem(
    x: keras.KerasTensor, kind: str, filters: int, norm: bool = True
) -> keras.KerasTensor:
    """The first layers: 7x7 convolution and max pooling, or one 3x3 convolution.

    `"deep"` has three 3x3 convolutions in the place of the large one, the last of twice
    the channels; `"pooled"` has one 3x3 convolution and max pooling. The max pooling
    sees what a ReLU returns, so padding with zeros changes nothing.
    """
    if kind == "deep":
        for number, (width, stride) in enumerate(
            ((filters, 2), (filters, 1), (2 * filters, 1)), 1
        ):
            x = conv(x, width, 3, f"stem_conv{number}", stride)
            x = relu(bn(x, f"stem_bn{number}"), f"stem_relu{number}")
    else:
        imagenet = kind == "imagenet"
        x = conv(x, filters, 7 if imagenet else 3, "stem_conv", 2 if imagenet else 1)
        if not (norm or imagenet):
            return x
        x = relu(bn(x, "stem_bn"), "stem_relu")
    if kind != "cifar":
        x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
        x = keras.layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    return x


def stem_kind(kind: str, input_shape: Sequence[int | None], *more: str) -> str:
    """Resolves `"auto"`: images below 64 pixels get the CIFAR stem.

    `more` are kinds that the architecture has besides the usual two.
    """
    one_of("stem", kind, ("auto", "cifar", "imagenet", *more))
    if kind != "auto":
        return kind
    known = [size for size in checked_shape(input_shape)[:2] if size is not None]
    return "cifar" if known and min(known) < 64 else "imagenet"


def image_input(input_shape: Sequence[int | None], least: int = 1) -> keras.KerasTensor:
    """The checked input of a network: height, width (or None) and channels."""
    shape = checked_shape(input_shape)
    if any(size is not None and size < least for size in shape[:2]):
        raise DynresError(
            f"This network needs images of at least {least} x {least} pixels. "
            f"Received: input_shape={shape!r}."
        )
    return keras.Input(shape, name="images")


def checked_shape(input_shape: Any) -> tuple[int | None, ...]:
    """Height, width and channels as a tuple, or an error that says what is wrong."""
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    sizes_ok = all(s is None or _positive(s) for s in shape[:2])
    if len(shape) != 3 or not sizes_ok or not _positive(shape[2]):
        raise DynresError(
            "input_shape must be (height, width, channels) with a known number of "
            f"channels, as (32, 32, 3). Received: input_shape={input_shape!r}."
        )
    return shape


def check_positive(**values: Any) -> None:
    """Refuses anything but whole numbers from 1."""
    for key, value in values.items():
        if not _positive(value):
            raise DynresError(
                f"{key} must be a whole number from 1. Received: {key}={value!r}."
            )


def check_rate(**values: Any) -> None:
    """Refuses a dropout rate outside [0, 1)."""
    for key, value in values.items():
        if not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise DynresError(
                f"{key} must be a number from 0 to below 1. Received: {key}={value!r}."
            )


def blocks_per_stage(
    family: str,
    depth: int,
    table: Mapping[int, tuple[int, ...]] | None = None,
    step: int | None = None,
    offset: int = 0,
) -> tuple[int, ...]:
    """Blocks of each stage: of `table[depth]`, or n thrice for step * n + offset."""
    table = table or {}
    whole = isinstance(depth, Integral) and not isinstance(depth, bool)
    if whole and depth in table:
        return table[depth]
    if step and whole and depth >= step + offset and (depth - offset) % step == 0:
        return ((int(depth) - offset) // step,) * 3
    rules = [", ".join(str(d) for d in table)] if table else []
    near = list(table)
    if step:
        rules.append(f"{step}n + {offset} (at least {step + offset})")
    if step and isinstance(depth, (int, float)):
        near.append(step * max(1, round((depth - offset) / step)) + offset)
    hint = ""
    if isinstance(depth, (int, float)):
        hint = f" Did you mean {min(near, key=lambda d: abs(d - depth))}?"
    raise DynresError(
        f"The depth of a {family} must be {' or '.join(rules)}. "
        f"Received: depth={depth!r}.{hint}"
    )


def stages(
    blocks: Sequence[int],
    channels: Sequence[int] = (64, 128, 256, 512),
    dilations: Sequence[int] = (),
) -> Iterator[tuple[str, int, int]]:
    """Yields each residual block's name, channels and stride, in order.

    A dilated stage keeps the size of the map that it is given.
    """
    dilations = dilations or [1] * len(blocks)
    for stage, count in enumerate(blocks, start=1):
        for block in range(1, count + 1):
            strided = stage > 1 and block == 1 and dilations[stage - 1] == 1
            stride = 2 if strided else 1
            yield f"stage{stage}_block{block}", channels[stage - 1], stride


def _positive(value: Any) -> bool:
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1
    )
