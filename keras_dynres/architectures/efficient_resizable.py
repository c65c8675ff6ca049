"""The efficient network of the Resizable Neural Networks paper, as we read it."""

import functools
from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures import _mobile as m
from keras_dynres.architectures import _shuffle as s

# Channels, units and depthwise kernel of each stage, and whether it is gated.
_STAGES = (
    (68, 4, 3, False),
    (168, 4, 3, False),
    (336, 8, 5, False),
    (672, 4, 5, True),
)
_LAST = 1280


def efficient_resizable(
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    dropout: float = 0.5,
    stem: str = "auto",
    name: str | None = None,
) -> keras.Model:
    """ShuffleNetV2 and Xception units with squeeze-and-excitation.

    The paper gives 365 million multiply-accumulates, 6.7 million parameters and what
    the units are. Its figure of the layout is all but unreadable: 168 channels at
    28x28, 672 at 7x7 and 1280 at the end seem to stand there. The rest of what is
    built here is our reading, chosen to cost as much (364.8 and 6.66 million):

    | stage | map | channels | units | depthwise kernel |
    |---|---|---|---|---|
    | stem, a 3x3 convolution | 112x112 | 16 | | |
    | 1 | 56x56 | 68 | 3 ShuffleNetV2, 1 Xception | 3 |
    | 2 | 28x28 | 168 | 3 ShuffleNetV2, 1 Xception | 3 |
    | 3 | 14x14 | 336 | 7 ShuffleNetV2, 1 Xception | 5, 3 |
    | 4, with squeeze-and-excitation | 7x7 | 672 | 3 ShuffleNetV2, 1 Xception | 5, 3 |
    | 1x1 convolution, squeeze-and-excitation | 7x7 | 1280 | | |
    | global pooling, hidden dense layer | 1x1 | 1280 | | |

    An Xception unit is a ShuffleNetV2 unit with three depthwise convolutions of 3x3,
    each before a 1x1 convolution. Gates squeeze to a quarter of their channels and
    stand at the end of a unit's working path. The ReLU is the activation everywhere.
    Layers are named as those of `shufflenet_v2`.

    Example:

    ```python
    model = efficient_resizable(input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        dropout: Rate before the last layer; 0 adds none.
        stem: `"imagenet"` (stride 2 in the stem and where each stage begins),
            `"cifar"` (the first two of these strides are dropped), or `"auto"`: the
            latter for images below 64 pixels.
        name: Name of the model; `"efficient_resizable"` by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    References:
        - Resizable Neural Networks (submitted to ICLR 2020)
        - [Single Path One-Shot Neural Architecture Search with Uniform Sampling](
          https://arxiv.org/abs/1904.00420) (Guo et al., 2019), for the units
    """
    b.check_positive(classes=classes)
    b.check_rate(dropout=dropout)
    inputs = b.image_input(input_shape)
    first, second = m.halvings(b.stem_kind(stem, input_shape))
    x = b.conv(inputs, 16, 3, "stem_conv", first)
    x = b.relu(b.bn(x, "stem_bn"), "stem_relu")
    strides = (second, 2, 2, 2)
    for stage, (plan, stride) in enumerate(zip(_STAGES, strides, strict=True), start=1):
        x = _stage(x, *plan, stride, f"stage{stage}")
    x = b.relu(b.bn(b.conv(x, _LAST, 1, "final_conv"), "final_bn"), "final_relu")
    x = s.gated(x, "final")
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    x = b.relu(keras.layers.Dense(_LAST, name="head_dense")(x), "head_relu")
    if dropout:
        x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    outputs = b.logits(x, classes)
    return keras.Model(inputs, outputs, name=name or "efficient_resizable")


def _stage(
    x: keras.KerasTensor,
    filters: int,
    units: int,
    kernel: int,
    gated: bool,
    stride: int,
    name: str,
) -> keras.KerasTensor:
    for block in range(1, units + 1):
        last = block == units
        branch = s.xception_branch if last else s.shuffle_branch
        if gated:
            branch = functools.partial(s.gated_branch, branch)
        key, size = f"{name}_block{block}", 3 if last else kernel
        x = s.unit(x, filters, stride if block == 1 else 1, key, branch, kernel=size)
    return x
