"""Multi-scale dense networks: coarse features after few layers, an exit at each block.

A layer is a column: the same step at several scales. Where the network drops its
finest scale, a transition narrows what remains.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_dynres.architectures import _blocks
from keras_dynres.architectures._msdnet_plan import Plan, plan


def msdnet(
    configuration: str = "cifar_anytime",
    input_shape: Sequence[int | None] = (32, 32, 3),
    classes: int = 10,
    stem: str = "auto",
    name: str | None = None,
    **options: Any,
) -> keras.Model:
    """A multi-scale dense network with several exits (Huang et al., ICLR 2018).

    Args:
        configuration: One of `MSDNETS`; the options below change it.
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        stem: `"cifar"` starts at full resolution, `"imagenet"` at a quarter;
            `"auto"` decides by the image's size.
        name: Name of the model, by default the configuration's.
        **options: Fields of `Plan`: `steps`, `channels`, `growth`, `factors`,
            `bottlenecks`, `reduction`, `head`, `prune`.

    Returns:
        A functional `keras.Model` with a list of logits, one for each exit. It holds
        what some exit needs and nothing else: the finer scales of a last layer, which
        no exit sees, are not part of it.

    Example:

    ```python
    model = msdnet("cifar_budget10", classes=100)
    first, *_, last = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 100) each
    ```

    Reference: https://arxiv.org/abs/1703.09844
    """
    inputs, exits, _ = _graph(configuration, input_shape, classes, stem, options)
    return keras.Model(inputs, exits, name=name or f"msdnet_{configuration}")


def every_column(
    configuration: str = "cifar_anytime",
    input_shape: Sequence[int | None] = (32, 32, 3),
    classes: int = 10,
    stem: str = "auto",
    **options: Any,
) -> keras.Model:
    """The same network with every scale of every layer, whether an exit sees it or not.

    Published code computes, and counts, all of them.

    Returns:
        A functional `keras.Model` whose first outputs are those of `msdnet`.
    """
    inputs, exits, unseen = _graph(configuration, input_shape, classes, stem, options)
    return keras.Model(inputs, exits + unseen, name=f"{configuration}_every_column")


def _graph(
    configuration: str,
    input_shape: Sequence[int | None],
    classes: int,
    stem: str,
    options: Mapping[str, Any],
) -> tuple[keras.KerasTensor, list, list]:
    """Inputs, the exits' logits, and the features of each block no exit may see."""
    made = plan(configuration, **options)
    kind = _blocks.stem_kind(stem, input_shape)
    _blocks.check_positive(classes=classes)
    inputs = _blocks.image_input(input_shape, 2 ** (len(made.factors) - 1))
    x = _first(inputs, made, kind)
    width, layer, exits, unseen = made.channels, 0, [], []
    for block, step in enumerate(made.steps, 1):
        for _ in range(step):
            layer += 1
            _, kept = made.scales(layer)
            x = _layer(x, made, kept, f"block{block}_layer{layer}")
            width += made.growth
            if made.narrows(layer):
                width = math.floor(made.reduction * width)
                x = _transition(x, width, made, f"block{block}_transition{layer}")
        exits.append(_exit(x[-1], made, classes, f"exit{block}"))
        unseen.extend(x[:-1])
    return inputs, exits, unseen


def _first(x: keras.KerasTensor, made: Plan, kind: str) -> list[keras.KerasTensor]:
    """The first layer seeds all scales, each from the finer one."""
    imagenet = kind == "imagenet"
    scales = []
    for scale, factor in enumerate(made.factors, 1):
        name = f"block1_first_scale{scale}"
        large = imagenet and scale == 1
        stride = 2 if large or scale > 1 else 1
        x = _conv(x, made.channels * factor, 7 if large else 3, name, stride, large)
        if large:
            x = keras.layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(x)
            x = keras.layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
        scales.append(x)
    return scales


def _layer(
    x: list[keras.KerasTensor], made: Plan, kept: int, name: str
) -> list[keras.KerasTensor]:
    """One column: each scale keeps what it has and adds what it and the finer made."""
    coarsest, taken = len(made.factors), len(x)
    made_scales = []
    for scale in range(coarsest - kept + 1, coarsest + 1):
        here = scale - coarsest + taken - 1  # Where x holds this scale.
        added = made.growth * made.factors[scale - 1]
        title = f"{name}_scale{scale}"
        if here == 0:
            parts = [_step(x[0], added, 1, scale, made, f"{title}_same")]
        else:
            half = added // 2
            finer = _step(x[here - 1], half, 2, scale - 1, made, f"{title}_down")
            parts = [finer, _step(x[here], half, 1, scale, made, f"{title}_same")]
        joined = keras.layers.Concatenate(name=f"{title}_concat")([x[here], *parts])
        made_scales.append(joined)
    return made_scales


def _step(
    x: keras.KerasTensor, filters: int, stride: int, source: int, made: Plan, name: str
) -> keras.KerasTensor:
    """A 1x1 bottleneck as wide as its input's scale allows, then a 3x3 convolution."""
    if made.bottlenecks:
        width = min(x.shape[-1], made.bottlenecks[source - 1] * filters)
        x = _conv(x, width, 1, f"{name}_bottleneck")
    return _conv(x, filters, 3, name, stride)


def _transition(
    x: list[keras.KerasTensor], width: int, made: Plan, name: str
) -> list[keras.KerasTensor]:
    first = len(made.factors) - len(x) + 1
    return [
        _conv(features, width * made.factors[scale - 1], 1, f"{name}_scale{scale}")
        for scale, features in enumerate(x, first)
    ]


def _exit(
    x: keras.KerasTensor, made: Plan, classes: int, name: str
) -> keras.KerasTensor:
    width = made.head or x.shape[-1]
    for i in (1, 2):
        x = _conv(x, width, 3, f"{name}_{i}", stride=2)
    x = keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return keras.layers.Dense(classes, dtype="float32", name=f"{name}_logits")(x)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    kernel: int,
    name: str,
    stride: int = 1,
    use_bias: bool = False,
) -> keras.KerasTensor:
    x = _blocks.conv(x, filters, kernel, f"{name}_conv", stride, use_bias=use_bias)
    return _blocks.relu(_blocks.bn(x, f"{name}_bn"), f"{name}_relu")
