"""A feature pyramid over any residual network."""

import itertools

import keras

from keras_dynres import graph
from keras_dynres.architectures import _blocks as b
from keras_dynres.errors import DynresError
from keras_dynres.layers import ResizeLike

# A map of a level has at most three quarters of the side of the one before.
_STEP = 0.75


def feature_pyramid(
    backbone: keras.Model,
    channels: int = 256,
    extra: int = 1,
    name: str | None = None,
) -> keras.Model:
    """Maps of several sizes and the same channels, the coarse ones shared downwards.

    The backbone's stages, from a quarter of the images' size on, each give a map
    through a 1x1 convolution, to which the next coarser one is added, and a 3x3
    convolution. Further levels are every second cell of the one before.

    Example:

    ```python
    pyramid = feature_pyramid(resnet(18, (256, 256, 3), classes=None))
    [level.shape[1:3] for level in pyramid.outputs]  # From (64, 64) to (4, 4).
    ```

    Args:
        backbone: A functional `keras.Model` of images, with or without a classifier.
        channels: Of each level.
        extra: How many levels follow those of the stages.
        name: Name of the model; `"pyramid_..."` of the backbone's by default.

    Returns:
        A functional `keras.Model` with a list of maps, the finest first.

    Reference:
        [Feature Pyramid Networks](https://arxiv.org/abs/1612.03144) (Lin et al., 2017)
    """
    b.check_positive(channels=channels)
    backbone = graph.flatten(backbone)
    stages = stage_ends(backbone)
    laterals = [
        _conv(x, channels, 1, f"pyramid_lateral{number}")
        for number, x in enumerate(stages, 1)
    ]
    merged = [laterals[-1]]
    for number in range(len(laterals) - 1, 0, -1):
        lateral = laterals[number - 1]
        coarser = ResizeLike("nearest", name=f"pyramid_larger{number + 1}")(
            [merged[0], lateral]
        )
        merged.insert(0, b.add(lateral, coarser, f"pyramid_add{number}"))
    levels = [
        _conv(x, channels, 3, f"pyramid_conv{number}")
        for number, x in enumerate(merged, 1)
    ]
    for number in range(len(levels), len(levels) + extra):
        pool = keras.layers.MaxPooling2D(
            1, strides=2, padding="same", name=f"pyramid_pool{number}"
        )
        levels.append(pool(levels[-1]))
    return keras.Model(backbone.input, levels, name=name or f"pyramid_{backbone.name}")


def stage_ends(backbone: keras.Model) -> list[keras.KerasTensor]:
    """The last map of each stage of a residual network, from a quarter of the size on.

    >>> net = kd.architectures.resnet(18, (64, 64, 3))
    >>> [tuple(stage.shape[1:3]) for stage in stage_ends(net)]
    [(16, 16), (8, 8), (4, 4), (2, 2)]
    """
    height = backbone.inputs[0].shape[1]
    # What follows the mean of a map is a classifier.
    calls = itertools.takewhile(_is_no_mean, graph.bottlenecks(backbone))
    maps = [call.outputs[0] for call in calls if len(call.outputs[0].shape) == 4]
    if None in [n for x in (*backbone.inputs, *maps) for n in x.shape[1:3]]:
        raise DynresError(
            "A pyramid needs images of a known height and width. "
            f"Received: {backbone.name!r} with input shape {backbone.input_shape}"
        )
    ends, side = [], None
    for x in maps:
        if x.shape[1] > height / 4 + 1:
            continue
        if side is None or x.shape[1] <= _STEP * side:
            ends.append(x)
            side = x.shape[1]
        elif x.shape[1] == side:
            ends[-1] = x  # The last of its size.
    if len(ends) < 2:
        raise DynresError(
            f"{backbone.name!r} has fewer than two stages from a quarter of the "
            "images' size on: a pyramid needs a residual network with its stages. "
            f"Received: maps of heights {sorted({x.shape[1] for x in maps})}"
        )
    return ends


def _is_no_mean(call: graph.Call) -> bool:
    layers = keras.layers
    pooling = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
    return not isinstance(call.layer, pooling)


def _conv(
    x: keras.KerasTensor, filters: int, kernel: int, name: str
) -> keras.KerasTensor:
    return keras.layers.Conv2D(filters, kernel, padding="same", name=name)(x)
