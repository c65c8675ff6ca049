"""Residual networks with the activation before the convolutions."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures.resnet import DEPTHS


def preresnet(
    depth: int = 101,
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    stem: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """Residual network of pre-activation blocks (ResNet v2).

    Where a block changes the shape, its shortcut is a convolution and a batch norm
    over the activated tensor, as in the PreResNet-101 of the SDPoint paper. Layers are
    named `stage1_block1_bn1`, `..._conv1`, `..._shortcut`, `..._add`, and `final_bn`.

    Example:

    ```python
    model = preresnet(depth=18, input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        depth: 10, 18, 26, 34, 50, 101 or 152.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        stem: `"imagenet"` (7x7 convolution at stride 2, batch norm, ReLU, max
            pooling), `"cifar"` (one 3x3 convolution alone), or `"auto"`: the latter
            for images below 64 pixels.
        name: Name of the model; `"preresnet_101"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [Identity Mappings in Deep Residual Networks](
        https://arxiv.org/abs/1603.05027) (He et al., 2016)
    """
    blocks = b.blocks_per_stage("PreResNet", depth, DEPTHS)
    b.check_positive(classes=classes)
    inputs = b.image_input(input_shape)
    x = b.stem(inputs, b.stem_kind(stem, input_shape), 64, norm=False)
    block = _bottleneck if depth >= 50 else _basic
    for key, filters, stride in b.stages(blocks):
        x = block(x, filters, stride, key)
    x = b.relu(b.bn(x, "final_bn"), "final_relu")
    outputs = b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"preresnet_{depth}")


def _bottleneck(
    x: keras.KerasTensor, filters: int, stride: int, name: str
) -> keras.KerasTensor:
    x, y = _activate(x, 4 * filters, stride, name)
    y = b.conv(y, filters, 1, f"{name}_conv1")
    y = b.relu(b.bn(y, f"{name}_bn2"), f"{name}_relu2")
    y = b.conv(y, filters, 3, f"{name}_conv2", stride)
    y = b.relu(b.bn(y, f"{name}_bn3"), f"{name}_relu3")
    y = b.conv(y, 4 * filters, 1, f"{name}_conv3")
    return b.add(x, y, f"{name}_add")


def _basic(
    x: keras.KerasTensor, filters: int, stride: int, name: str
) -> keras.KerasTensor:
    x, y = _activate(x, filters, stride, name)
    y = b.conv(y, filters, 3, f"{name}_conv1", stride)
    y = b.relu(b.bn(y, f"{name}_bn2"), f"{name}_relu2")
    y = b.conv(y, filters, 3, f"{name}_conv2")
    return b.add(x, y, f"{name}_add")


def _activate(
    x: keras.KerasTensor, filters: int, stride: int, name: str
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns the shortcut and the activated tensor."""
    y = b.relu(b.bn(x, f"{name}_bn1"), f"{name}_relu1")
    if stride > 1 or x.shape[-1] != filters:
        x = b.conv(y, filters, 1, f"{name}_shortcut", stride)
        x = b.bn(x, f"{name}_shortcut_bn")
    return x, y
