"""Residual networks that are narrow between their blocks and wide inside."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures import _mobile as m

# Channels of each block; a stage is what works on maps of one size.
_STAGES = ((16,), (24,) * 2, (32,) * 3, (64,) * 4 + (96,) * 3, (160,) * 3 + (320,))


def mobilenet_v2(
    width: float = 1.0,
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    stem: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """MobileNetV2: inverted residual blocks with linear bottlenecks.

    A stage is what works on maps of one size, so there are five. Layers are named
    `stage2_block1_conv1`, `..._bn1`, `..._relu1`, `..._depthwise`, `..._bn2`,
    `..._relu2`, `..._conv2`, `..._bn3`, and `..._add` where the block keeps the
    shape. The only block of stage 1 has no `conv1`. The ReLUs are capped at 6.

    Example:

    ```python
    model = mobilenet_v2(width=0.35, input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        width: Factor on the channels between the blocks, which are then rounded to
            multiples of 8; published are 0.35, 0.5, 0.75, 1, 1.3 and 1.4. The last
            convolution's 1280 channels only grow with it.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        stem: `"imagenet"` (stride 2 in the stem and where stages 2 to 5 begin),
            `"cifar"` (the first two of these strides are dropped), or `"auto"`: the
            latter for images below 64 pixels.
        name: Name of the model; `"mobilenet_v2_1"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [MobileNetV2: Inverted Residuals and Linear Bottlenecks](
        https://arxiv.org/abs/1801.04381) (Sandler et al., 2018)
    """
    m.check_width(width)
    b.check_positive(classes=classes)
    inputs = b.image_input(input_shape)
    first, second = m.halvings(b.stem_kind(stem, input_shape))
    x = b.conv(inputs, m.by_eights(32 * width), 3, "stem_conv", first)
    x = m.relu6(b.bn(x, "stem_bn"), "stem_relu")
    for stage, filters, stride, key in m.blocks(_STAGES, second):
        expansion = 1 if stage == 1 else 6
        x = _block(x, m.by_eights(filters * width), stride, expansion, key)
    x = b.conv(x, m.by_eights(1280 * max(1.0, width)), 1, "final_conv")
    x = m.relu6(b.bn(x, "final_bn"), "final_relu")
    outputs = b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"mobilenet_v2_{width:g}")


def _block(
    x: keras.KerasTensor, filters: int, stride: int, expansion: int, name: str
) -> keras.KerasTensor:
    y, before = x, x.shape[-1]
    if expansion > 1:
        y = b.conv(y, expansion * before, 1, f"{name}_conv1")
        y = m.relu6(b.bn(y, f"{name}_bn1"), f"{name}_relu1")
    y = m.depthwise(y, f"{name}_depthwise", stride=stride)
    y = m.relu6(b.bn(y, f"{name}_bn2"), f"{name}_relu2")
    y = b.bn(b.conv(y, filters, 1, f"{name}_conv2"), f"{name}_bn3")
    if filters != before or stride > 1:
        return y
    return b.add(x, y, f"{name}_add")
