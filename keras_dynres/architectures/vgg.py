"""Plain networks of 3x3 convolutions with batch norm."""

from collections.abc import Sequence

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.errors import DynresError, one_of

# Convolutions of each stage.
_DEPTHS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def vgg(
    depth: int = 16,
    input_shape: Sequence[int | None] = (32, 32, 3),
    classes: int = 10,
    head: str = "pool",
    dropout: float = 0.5,
    name: str | None = None,
) -> keras.Model:
    """VGG with batch norm after every convolution.

    Layers are named `stage1_conv1`, `stage1_bn1`, `stage1_relu1`, `stage1_pool`.

    Example:

    ```python
    model = vgg(depth=11)
    logits = model(keras.ops.zeros((1, 32, 32, 3)))  # (1, 10)
    with_dense_head = vgg(depth=11, head="dense")
    ```

    Args:
        depth: 11, 13, 16 or 19.
        input_shape: Height, width and channels; height and width may be `None` unless
            the head is `"dense"`.
        classes: Number of logits.
        head: `"pool"` puts global average pooling in the place of the last max
            pooling and of the two dense layers: the CIFAR form, and the one for which
            the size of the last map is free. `"dense"` is the published ImageNet head.
        dropout: Rate after each hidden layer of the dense head.
        name: Name of the model; `"vgg_16"` and the like by default.

    Returns:
        A functional `keras.Model` from normalised images to logits.

    Reference:
        [Very Deep Convolutional Networks for Large-Scale Image Recognition](
        https://arxiv.org/abs/1409.1556) (Simonyan and Zisserman, 2014)
    """
    convolutions = b.blocks_per_stage("VGG", depth, _DEPTHS)
    b.check_positive(classes=classes)
    one_of("head", head, ("pool", "dense"))
    b.check_rate(dropout=dropout)
    dense = head == "dense"
    halvings = 5 if dense else 4
    x = inputs = b.image_input(input_shape, least=2**halvings)
    channels = (64, 128, 256, 512, 512)
    for stage, count in enumerate(convolutions, start=1):
        for layer in range(1, count + 1):
            key = f"stage{stage}"
            x = b.conv(x, channels[stage - 1], 3, f"{key}_conv{layer}", use_bias=True)
            x = b.relu(b.bn(x, f"{key}_bn{layer}"), f"{key}_relu{layer}")
        if stage <= halvings:
            x = keras.layers.MaxPooling2D(2, name=f"{key}_pool")(x)
    outputs = _dense_head(x, classes, dropout) if dense else b.head(x, classes)
    return keras.Model(inputs, outputs, name=name or f"vgg_{depth}")


def _dense_head(
    x: keras.KerasTensor, classes: int, dropout: float
) -> keras.KerasTensor:
    if None in x.shape[1:]:
        raise DynresError(
            "head='dense' needs a known height and width, or head='pool'. "
            f"Received: a last map of {x.shape[1]} x {x.shape[2]}."
        )
    x = keras.layers.Flatten(name="flatten")(x)
    for layer in (1, 2):
        x = keras.layers.Dense(4096, name=f"head_dense{layer}")(x)
        x = b.relu(x, f"head_relu{layer}")
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"head_dropout{layer}")(x)
    return b.logits(x, classes)
