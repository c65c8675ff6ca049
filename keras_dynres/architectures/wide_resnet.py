"""Wide residual networks."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b


def wide_resnet(
    depth: int = 16,
    width: int = 2,
    input_shape: Sequence[int | None] = (32, 32, 3),
    classes: int = 10,
    dropout: float = 0.0,
    name: str | None = None,
) -> keras.Model:
    """Wide residual network: three stages of pre-activation blocks.

    Example:

    ```python
    model = wide_resnet(depth=16, width=2)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    ```

    Layers are named `stem_conv`, `stage1_block1_bn1`, `..._conv1`, `..._shortcut`
    (only where the shape changes), `..._add`, and `final_bn`, `global_pool`, `logits`.

    Args:
        depth: Number of layers, 6n + 4: 10, 16, 22, 28, 40, ...
        width: Factor on the 16, 32 and 64 channels of the stages.
        input_shape: Height, width and channels; height and width may be `None`.
        classes: Number of logits.
        dropout: Rate of the dropout between a block's two convolutions; 0 adds none.
        name: Name of the model; `"wrn_16_2"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [Wide Residual Networks](https://arxiv.org/abs/1605.07146)
        (Zagoruyko and Komodakis, 2016)
    """
    blocks = b.blocks_per_stage("wide residual network", depth, step=6, offset=4)
    b.check_positive(width=width, classes=classes)
    b.check_rate(dropout=dropout)
    inputs = b.image_input(input_shape)
    x = b.conv(inputs, 16, 3, "stem_conv")
    for key, filters, stride in b.stages(blocks, (16, 32, 64)):
        x = block(x, filters * width, stride, key, dropout)
    x = b.relu(b.bn(x, "final_bn"), "final_relu")
    outputs = b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"wrn_{depth}_{width}")


def block(
    x: keras.KerasTensor, filters: int, stride: int, name: str, dropout: float = 0.0
) -> keras.KerasTensor:
    """One pre-activation residual block."""
    y = b.relu(b.bn(x, f"{name}_bn1"), f"{name}_relu1")
    if stride > 1 or x.shape[-1] != filters:
        # The projection sees the activated tensor, the identity does not.
        x = b.conv(y, filters, 1, f"{name}_shortcut", stride)
    y = b.conv(y, filters, 3, f"{name}_conv1", stride)
    y = b.relu(b.bn(y, f"{name}_bn2"), f"{name}_relu2")
    if dropout:
        y = keras.layers.Dropout(dropout, name=f"{name}_dropout")(y)
    y = b.conv(y, filters, 3, f"{name}_conv2")
    return b.add(x, y, f"{name}_add")
