"""Networks of units that work on half of their channels and shuffle them."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures import _mobile as m
from keras_dynres.architectures import _shuffle as s
from keras_dynres.errors import one_of

# Channels of stages 2 to 4 and of the last convolution.
_WIDTHS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
_UNITS = {2: 4, 3: 8, 4: 4}


def shufflenet_v2(
    width: float = 1.0,
    input_shape: Sequence[int | None] = (224, 224, 3),
    classes: int = 1000,
    stem: str = "auto",
    shortcut: str = "input",
    name: str | None = None,
) -> keras.Model:
    """ShuffleNetV2: each unit works on half of its channels, then they are mixed.

    Stages are numbered from 2, as published. Layers are named `stage2_block1_conv1`,
    `..._bn1`, `..._relu1`, `..._depthwise`, `..._bn2`, `..._conv2`, `..._bn3`,
    `..._relu2`, `..._concat` and `..._shuffle`, the unit's output; where the stride
    is 2 also `..._shortcut_depthwise` and `..._shortcut`, each with a batch norm.

    Example:

    ```python
    model = shufflenet_v2(width=0.5, input_shape=(32, 32, 3), classes=10)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Args:
        width: 0.5, 1.0, 1.5 or 2.0.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        stem: `"imagenet"` (3x3 convolution at stride 2, max pooling), `"cifar"` (the
            convolution alone, at stride 1), or `"auto"`: the latter for images below
            64 pixels.
        shortcut: Channels of the shortcut where the stride is 2: `"input"`, as many
            as its input has, which the published costs are counted with, or `"half"`
            of the unit's, as in the public weights of torchvision. The same at width
            0.5.
        name: Name of the model; `"shufflenet_v2_1"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design](
        https://arxiv.org/abs/1807.11164) (Ma et al., 2018)
    """
    one_of("width", width, _WIDTHS)
    b.check_positive(classes=classes)
    one_of("shortcut", shortcut, ("input", "half"))
    inputs = b.image_input(input_shape)
    x = _stem(inputs, b.stem_kind(stem, input_shape))
    *channels, last = _WIDTHS[width]
    for (stage, units), filters in zip(_UNITS.items(), channels, strict=True):
        passed = filters // 2 if shortcut == "half" else None
        for block in range(1, units + 1):
            key, stride = f"stage{stage}_block{block}", 2 if block == 1 else 1
            x = s.unit(x, filters, stride, key, s.shuffle_branch, passed)
    x = b.conv(x, last, 1, "final_conv")
    x = b.relu(b.bn(x, "final_bn"), "final_relu")
    outputs = b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"shufflenet_v2_{width:g}")


def _stem(x: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    first, second = m.halvings(kind)
    x = b.conv(x, 24, 3, "stem_conv", first)
    x = b.relu(b.bn(x, "stem_bn"), "stem_relu")
    if second == 1:
        return x
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return keras.layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
