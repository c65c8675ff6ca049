"""Fully convolutional networks for segmentation over a dilated residual network."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures.resnet import resnet
from keras_dynres.layers import ResizeLike, TrainingOutput


def fcn(
    depth: int = 50,
    input_shape: Sequence[int | None] = (512, 1024, 3),
    classes: int = 19,
    stem: str = "deep",
    channels: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    deformable: Sequence[int] = (),
    modulated: bool = False,
    head: int = 512,
    auxiliary: int = 256,
    dropout: float = 0.1,
    name: str | None = None,
) -> keras.Model:
    """A dilated ResNet with a map of logits in the images' size.

    The last stages keep the map at an eighth of the images' height and width, and see
    as far by dilation. A 3x3 convolution and a classifier of each cell follow, and
    bilinear resizing. An auxiliary classifier reads the stage before the last, for
    training alone: it is an output that `fit` and `evaluate` see, and no instance
    gives (`layers.TrainingOutput`). Labels are one map of classes for both.

    Example:

    ```python
    net = fcn(18, (96, 128, 3), classes=11, head=128, auxiliary=64)
    model = kd.Sampled(net)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = {"map": loss, "auxiliary": loss}
    model.compile("sgd", losses, loss_weights={"map": 1.0, "auxiliary": 0.4})
    model.at("full").output["map"].shape  # (None, 96, 128, 11)
    ```

    Args:
        depth: As of `resnet`.
        input_shape: Height, width and channels of the images.
        classes: Classes of a pixel.
        stem: As of `resnet`.
        channels: As of `resnet`.
        dilations: Of each stage; by default 2 and 4 from the third stage on. A dilated
            stage keeps the map's size.
        deformable: As of `resnet`.
        modulated: As of `resnet`.
        head: Channels between the last stage and the classifier.
        auxiliary: The same of the auxiliary classifier, which 0 leaves out: the network
            then has one output without a name.
        dropout: Share of the channels dropped before either classifier.
        name: Name of the model; `"fcn_50"` and the like by default.

    Returns:
        A functional `keras.Model`.

    Reference:
        [Fully Convolutional Networks](https://arxiv.org/abs/1411.4038) (Long et al.,
        2015), [Pyramid Scene Parsing](https://arxiv.org/abs/1612.01105) (Zhao et al.,
        2017: dilations, stem, auxiliary loss)
    """
    b.check_positive(classes=classes, head=head)
    b.check_rate(dropout=dropout)
    if dilations is None:
        stages = 4 if channels is None or len(channels) == 4 else len(channels)
        dilations = (1, 1, 2, 4)[:stages]
    b.image_input(input_shape, least=8)
    options: dict[str, Any] = {
        "stem": stem,
        "channels": channels,
        "dilations": dilations,
        "deformable": deformable,
        "modulated": modulated,
    }
    backbone = resnet(depth, input_shape, classes=None, **options)
    images = backbone.input
    last = _logits(backbone.output, images, classes, head, dropout, "map")
    outputs = last
    if auxiliary:
        b.check_positive(auxiliary=auxiliary)
        x = _stage_before(backbone)
        early = _logits(x, images, classes, auxiliary, dropout, "auxiliary_map")
        early = TrainingOutput(name="auxiliary", dtype="float32")(early)
        outputs = {"map": last, "auxiliary": early}
    return keras.Model(images, outputs, name=name or f"fcn_{depth}")


def _logits(
    x: keras.KerasTensor,
    images: keras.KerasTensor,
    classes: int,
    width: int,
    dropout: float,
    name: str,
) -> keras.KerasTensor:
    """3x3 convolution, classifier of each cell, and the images' size."""
    x = b.bn(b.conv(x, width, 3, f"{name}_conv"), f"{name}_bn")
    x = b.relu(x, f"{name}_relu")
    if dropout:
        x = keras.layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(x)
    x = keras.layers.Conv2D(classes, 1, dtype="float32", name=f"{name}_logits")(x)
    return ResizeLike(dtype="float32", name=name)([x, images])


def _stage_before(backbone: keras.Model) -> keras.KerasTensor:
    """What the last stage but one gives."""
    blocks = [x.name for x in backbone.layers if x.name.endswith("_add")]
    last = blocks[-1].split("_")[0]
    before = [name for name in blocks if not name.startswith(f"{last}_")][-1]
    return backbone.get_layer(before.replace("_add", "_relu")).output
