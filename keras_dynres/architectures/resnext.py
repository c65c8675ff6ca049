"""Residual networks with grouped convolutions."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures.resnet import DEPTHS, bottleneck

_DEPTHS = {depth: DEPTHS[depth] for depth in (50, 101, 152)}


def resnext(
    depth: int = 101,
    cardinality: int = 32,
    width: int = 4,
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    stem: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """ResNeXt: bottlenecks whose 3x3 convolution works in groups.

    Layers are named as those of `resnet`: `stage1_block1_conv1`, `..._add`, ...

    Under TensorFlow, Keras compiles grouped convolutions with XLA, which is what lets
    them train on a CPU too.

    Example:

    ```python
    model = resnext(11, cardinality=8, width=8, input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        depth: 50, 101 or 152 for four stages; 9n + 2 (29, 38, ...) for the three
            stages of the CIFAR networks (29 with `cardinality=8`, `width=64`).
        cardinality: Number of groups: 32 in ResNeXt-101-32x4d.
        width: Channels of a group in the first stage: 4 in ResNeXt-101-32x4d.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        stem: `"imagenet"` (7x7 convolution at stride 2, max pooling), `"cifar"` (one
            3x3 convolution), or `"auto"`: the latter for images below 64 pixels.
        name: Name of the model; `"resnext_101_32x4d"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [Aggregated Residual Transformations for Deep Neural Networks](
        https://arxiv.org/abs/1611.05431) (Xie et al., 2016)
    """
    blocks = b.blocks_per_stage("ResNeXt", depth, _DEPTHS, step=9, offset=2)
    b.check_positive(cardinality=cardinality, width=width, classes=classes)
    inputs = b.image_input(input_shape)
    x = b.stem(inputs, b.stem_kind(stem, input_shape), 64)
    for key, filters, stride in b.stages(blocks):
        inner = filters * width // 64 * cardinality
        x = bottleneck(x, filters, stride, key, inner, cardinality)
    outputs = b.head(x, classes)
    name = name or f"resnext_{depth}_{cardinality}x{width}d"
    return keras.Model(inputs, outputs, name=name)
