"""What a data set's labels ask for: losses, their weights, and metrics."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_dynres import data, detection
from keras_dynres.training.optimization import (
    Accuracy,
    SmoothedCrossentropy,
    TopKAccuracy,
)


def compilation(
    dataset: data.Dataset,
    base: keras.Model,
    loss_weights: Mapping[str, float] | None = None,
    label_smoothing: float = 0.0,
    mixes_labels: bool = False,
) -> dict[str, Any]:
    """What `compile` is told of a network's outputs: losses, weights, metrics.

    >>> net = kd.architectures.wide_resnet(10, 1)
    >>> compilation(kd.data.info("cifar10"), net)["metrics"]
    ['accuracy']

    Args:
        dataset: The data set.
        base: The network without a method.
        loss_weights: What the loss of a named output counts, by default 1.
        label_smoothing: Share of the target spread over all classes of an image.
        mixes_labels: Whether training's labels are shares of the classes.
    """
    if dataset.task == "map":
        return _map(dataset.classes, base.output, loss_weights or {})
    if dataset.task == "boxes":
        return _boxes(dataset.classes, loss_weights or {})
    return _classes(dataset.classes, label_smoothing, mixes_labels)


def _classes(classes: int, smoothing: float, mixes_labels: bool) -> dict[str, Any]:
    """A class an image: accuracy, and of many classes that of the best five."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if smoothing or mixes_labels:
        loss = SmoothedCrossentropy(smoothing)
    accuracy, top = "accuracy", keras.metrics.SparseTopKCategoricalAccuracy
    if mixes_labels:
        accuracy, top = Accuracy("accuracy"), TopKAccuracy
    top5 = [top(5, name="top5_accuracy")] if classes >= 100 else []
    return {"loss": loss, "metrics": [accuracy, *top5]}


def _map(classes: int, output: Any, weights: Mapping[str, float]) -> dict[str, Any]:
    """A class a pixel: mean intersection over union, ignored pixels left out."""
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=data.IGNORED
    )
    metric = keras.metrics.MeanIoU(
        classes, "mean_iou", ignore_class=data.IGNORED, sparse_y_pred=False
    )
    if not isinstance(output, Mapping):
        return {"loss": loss, "metrics": [metric]}
    return {
        "loss": dict.fromkeys(output, loss),
        "loss_weights": {name: weights.get(name, 1.0) for name in output},
        "metrics": {"map": [metric]},
    }


def _boxes(classes: int, weights: Mapping[str, float]) -> dict[str, Any]:
    """Boxes: a detector's two stages, and mean average precision."""
    losses = {
        "anchors": detection.AnchorLoss(),
        "regions": detection.RegionLoss(classes),
    }
    return {
        "loss": losses,
        "loss_weights": {name: weights.get(name, 1.0) for name in losses},
        "metrics": {"detections": [detection.MeanAveragePrecision(classes)]},
    }
