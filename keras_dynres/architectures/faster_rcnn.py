"""Faster R-CNN with a feature pyramid over any residual network."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures.feature_pyramid import feature_pyramid
from keras_dynres.architectures.resnet import resnet
from keras_dynres.detection import (
    AnchorRows,
    DetectionColumns,
    Detections,
    Proposals,
    RegionAlign,
)
from keras_dynres.errors import DynresError, one_of
from keras_dynres.layers import TrainingOutput

_RATIOS = (0.5, 1, 2)


def faster_rcnn(
    backbone: keras.Model | Mapping[str, Any],
    classes: int = 80,
    input_shape: Sequence[int] | None = None,
    pyramid: int = 256,
    head: int = 1024,
    per_level: int = 1000,
    regions: int = 1000,
    detections: int = 100,
    published: bool = False,
    name: str | None = None,
) -> keras.Model:
    """A detector in two stages: where something is, and what.

    A region proposal network says of each anchor of a pyramid whether there is an
    object; the best regions are read from the pyramid, classified and moved.

    Its outputs for use are `boxes`, `scores`, `classes` and their `count`, always of
    the same shape; what is no object has the score 0 and the class -1. For `fit` and
    `evaluate` there are three more (`layers.TrainingOutput`): `anchors`, `regions` and
    `detections`. Labels are boxes, rows of x1, y1, x2, y2 in pixels and the class, -1
    in rows that are none, the same for all outputs.

    Example:

    ```python
    net = faster_rcnn(resnet(18, (128, 128, 3), classes=None), classes=3)
    model = kd.Sampled(net)
    losses = {
        "anchors": kd.detection.AnchorLoss(),
        "regions": kd.detection.RegionLoss(classes=3),
    }
    precision = kd.detection.MeanAveragePrecision(classes=3)
    model.compile("sgd", losses, metrics={"detections": precision})
    ```

    Then `model.fit(images, boxes)` trains it.

    Args:
        backbone: A functional `keras.Model` of images, with or without a classifier;
            or what `resnet` takes, such as `{"depth": 50, "deformable": (2, 3, 4)}`.
        classes: Number of classes.
        input_shape: Height, width and channels of the images, where the backbone is no
            model.
        pyramid: Channels of the pyramid, and of what looks for objects on it.
        head: Units of the two layers that look at a region.
        per_level: Anchors of each level that become proposals at most.
        regions: Proposals that are looked at.
        detections: Objects that are given at most.
        published: Whether features are read as by checkpoints of mmdetection 0.6, half
            a cell beside.
        name: Name of the model; `"faster_rcnn_..."` of the backbone's by default.

    Returns:
        A functional `keras.Model`.

    Reference:
        [Faster R-CNN](https://arxiv.org/abs/1506.01497) (Ren et al., 2015)
    """
    b.check_positive(
        classes=classes,
        pyramid=pyramid,
        head=head,
        per_level=per_level,
        regions=regions,
        detections=detections,
    )
    if isinstance(backbone, Mapping):
        for option in backbone:
            one_of("option of resnet", option, inspect.signature(resnet).parameters)
        backbone = resnet(**{"input_shape": input_shape, "classes": None, **backbone})
    elif input_shape is not None:
        shape = b.checked_shape(input_shape)
        if shape != backbone.input_shape[1:]:
            raise DynresError(
                "input_shape is the backbone's own where the backbone is a model. "
                f"Received: {shape} for {backbone.input_shape[1:]}"
            )
    levels = feature_pyramid(backbone, pyramid).output
    images = backbone.input
    if min(levels[-1].shape[1:3]) < 1 or min(images.shape[1:3]) < 64:
        raise DynresError(
            "A detector needs images of at least 64 x 64 pixels. "
            f"Received: {tuple(images.shape[1:3])}"
        )
    objectness, deltas = _anchor_maps(levels, pyramid)
    rows = AnchorRows(ratios=_RATIOS, name="anchor_rows")([images, objectness, deltas])
    boxes = Proposals(regions, per_level, name="proposals")([images, rows, objectness])
    features = RegionAlign(half_pixel=not published, name="region_align")(
        [images, boxes, levels[:-1]]
    )
    region_rows = _region_rows(boxes, features, head, classes)
    answer = Detections(classes, detections, name="detection_rows")(
        [images, region_rows]
    )
    outputs = {
        **DetectionColumns(name="detection_columns")(answer),
        "anchors": TrainingOutput(name="anchors", dtype="float32")(rows),
        "regions": TrainingOutput(name="regions", dtype="float32")(region_rows),
        "detections": TrainingOutput(name="detections", dtype="float32")(answer),
    }
    return keras.Model(images, outputs, name=name or f"faster_rcnn_{backbone.name}")


def _anchor_maps(levels: list, channels: int) -> tuple[list, list]:
    """Objectness and deltas of each level, by the same three convolutions."""
    start = keras.initializers.RandomNormal(stddev=0.01)
    conv = keras.layers.Conv2D(
        channels, 3, padding="same", kernel_initializer=start, name="anchors_conv"
    )
    relu = keras.layers.ReLU(name="anchors_relu")
    count = len(_RATIOS)
    objectness = keras.layers.Conv2D(
        count, 1, kernel_initializer=start, dtype="float32", name="anchors_objectness"
    )
    deltas = keras.layers.Conv2D(
        4 * count, 1, kernel_initializer=start, dtype="float32", name="anchors_deltas"
    )
    hidden = [relu(conv(level)) for level in levels]
    return [objectness(x) for x in hidden], [deltas(x) for x in hidden]


def _region_rows(
    boxes: keras.KerasTensor, features: keras.KerasTensor, head: int, classes: int
) -> keras.KerasTensor:
    """Of each region its box, its logits, and the deltas of each class."""
    layers = keras.layers
    x = layers.Reshape((boxes.shape[1], -1), name="head_features")(features)
    for number in (1, 2):
        x = layers.Dense(head, name=f"head_dense{number}")(x)
        x = layers.ReLU(name=f"head_relu{number}")(x)
    logits = layers.Dense(
        classes + 1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        dtype="float32",
        name="head_classes",
    )(x)
    deltas = layers.Dense(
        4 * (classes + 1),
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        dtype="float32",
        name="head_deltas",
    )(x)
    return layers.Concatenate(dtype="float32", name="region_rows")(
        [boxes, logits, deltas]
    )
