"""Networks of depthwise separable convolutions."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures import _mobile as m

# Channels of each block; a stage is what works on maps of one size.
_STAGES = ((64,), (128, 128), (256, 256), (512,) * 6, (1024, 1024))


def mobilenet_v1(
    width: float = 1.0,
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    stem: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """MobileNet: every block a depthwise 3x3 and a 1x1 convolution.

    A stage is what works on maps of one size, so there are five. Layers are named
    `stage1_block1_depthwise`, `..._bn1`, `..._relu1`, `..._conv`, `..._bn2`,
    `..._relu2`. The ReLUs are capped at 6, as in the public weights.

    Example:

    ```python
    model = mobilenet_v1(width=0.25, input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        width: Factor on every layer's channels; published are 0.25, 0.5, 0.75 and 1.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        stem: `"imagenet"` (stride 2 in the stem and where stages 2 to 5 begin),
            `"cifar"` (the first two of these strides are dropped), or `"auto"`: the
            latter for images below 64 pixels.
        name: Name of the model; `"mobilenet_v1_1"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
        Applications](https://arxiv.org/abs/1704.04861) (Howard et al., 2017)
    """
    m.check_width(width)
    b.check_positive(classes=classes)
    inputs = b.image_input(input_shape)
    first, second = m.halvings(b.stem_kind(stem, input_shape))
    x = b.conv(inputs, _scaled(32, width), 3, "stem_conv", first)
    x = m.relu6(b.bn(x, "stem_bn"), "stem_relu")
    for _, filters, stride, key in m.blocks(_STAGES, second):
        x = _block(x, _scaled(filters, width), stride, key)
    outputs = b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"mobilenet_v1_{width:g}")


def _scaled(filters: int, width: float) -> int:
    return max(8, int(filters * width))


def _block(
    x: keras.KerasTensor, filters: int, stride: int, name: str
) -> keras.KerasTensor:
    x = m.depthwise(x, f"{name}_depthwise", stride=stride)
    x = m.relu6(b.bn(x, f"{name}_bn1"), f"{name}_relu1")
    x = b.conv(x, filters, 1, f"{name}_conv")
    return m.relu6(b.bn(x, f"{name}_bn2"), f"{name}_relu2")
