"""Densely connected networks with bottlenecks and compression."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.errors import DynresError

# Layers of each dense block.
_DEPTHS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
    264: (6, 12, 64, 48),
}


def densenet_bc(
    depth: int = 40,
    growth: int | Sequence[int] | None = None,
    reduction: float = 0.5,
    input_shape: Sequence[int | None] = (32, 32, 3),
    classes: int = 10,
    stem: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """DenseNet-BC: each layer's output is concatenated to its input.

    Layers are named `stage1_block1_bn1`, `..._conv1`, `..._concat`, then
    `transition1_conv`, `transition1_pool`, and `final_bn`.

    Example:

    ```python
    model = densenet_bc(depth=40, growth=12)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        depth: 121, 161, 169, 201 or 264 for four dense blocks; 6n + 4 (40, 100, 190,
            250, ...) for the three of the CIFAR networks.
        growth: Channels each layer adds, in all dense blocks or in each, such as
            `(8, 16, 32)` (the DenseNet* of the MSDNet paper). `None` takes 48 at depth
            161, 32 at the other depths of four blocks, and 60 (as DenseNetBC-40-60)
            elsewhere.
        reduction: Share of the channels that a transition keeps, in (0, 1].
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        stem: `"imagenet"` (7x7 convolution at stride 2, batch norm, ReLU, max
            pooling), `"cifar"` (one 3x3 convolution alone), or `"auto"`: the latter
            for images below 64 pixels.
        name: Name of the model; `"densenet_bc_40_60"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [Densely Connected Convolutional Networks](https://arxiv.org/abs/1608.06993)
        (Huang et al., 2016)
    """
    blocks = b.blocks_per_stage("DenseNet-BC", depth, _DEPTHS, step=6, offset=4)
    if growth is None:
        growth = {161: 48}.get(depth, 32) if depth in _DEPTHS else 60
    growths = _one_a_block(growth, len(blocks))
    b.check_positive(classes=classes)
    _check_reduction(reduction)
    kind = b.stem_kind(stem, input_shape)
    least = 2 ** (len(blocks) - 1) * (4 if kind == "imagenet" else 1)
    inputs = b.image_input(input_shape, least)
    x = b.stem(inputs, kind, 2 * growths[0], norm=False)
    for stage, (count, added) in enumerate(zip(blocks, growths, strict=True), start=1):
        if stage > 1:
            x = _transition(x, reduction, f"transition{stage - 1}")
        for block in range(1, count + 1):
            x = _layer(x, added, f"stage{stage}_block{block}")
    x = b.relu(b.bn(x, "final_bn"), "final_relu")
    outputs = b.head(x, classes)
    told = "_".join(str(added) for added in dict.fromkeys(growths))
    name = name or f"densenet_bc_{depth}_{told}"
    return keras.Model(inputs, outputs, name=name)


def _one_a_block(growth: int | Sequence[int], blocks: int) -> tuple[int, ...]:
    growths = growth if isinstance(growth, (list, tuple)) else (growth,) * blocks
    if len(growths) != blocks:
        raise DynresError(
            f"This network has {blocks} dense blocks: growth is one number, or one for "
            f"each. Received: growth={growth!r}"
        )
    for added in growths:
        b.check_positive(growth=added)
    return tuple(growths)


def _layer(x: keras.KerasTensor, growth: int, name: str) -> keras.KerasTensor:
    y = b.relu(b.bn(x, f"{name}_bn1"), f"{name}_relu1")
    y = b.conv(y, 4 * growth, 1, f"{name}_conv1")
    y = b.relu(b.bn(y, f"{name}_bn2"), f"{name}_relu2")
    y = b.conv(y, growth, 3, f"{name}_conv2")
    return keras.layers.Concatenate(name=f"{name}_concat")([x, y])


def _transition(x: keras.KerasTensor, reduction: float, name: str) -> keras.KerasTensor:
    filters = int(x.shape[-1] * reduction)
    y = b.relu(b.bn(x, f"{name}_bn"), f"{name}_relu")
    y = b.conv(y, filters, 1, f"{name}_conv")
    return keras.layers.AveragePooling2D(2, name=f"{name}_pool")(y)


def _check_reduction(reduction: float) -> None:
    if not isinstance(reduction, (int, float)) or not 0 < reduction <= 1:
        raise DynresError(
            "reduction must be a number above 0 and at most 1. "
            f"Received: reduction={reduction!r}."
        )
