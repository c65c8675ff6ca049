"""What a recipe's labels ask for: losses, their weights, and metrics."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_dynres import data
from keras_dynres.training import optimization
from keras_dynres.training.recipe import Recipe


def compilation(recipe: Recipe, base: keras.Model) -> dict[str, Any]:
    """What `compile` is told of the network's outputs: losses, weights, metrics.

    Args:
        recipe: The recipe.
        base: The network without a method.
    """
    return _TASKS[recipe.images.task](recipe, base.output)


def _classes(recipe: Recipe, output: Any) -> dict[str, Any]:
    """A class an image: accuracy, and of many classes that of the best five."""
    del output
    many = recipe.images.classes >= 100
    top5 = keras.metrics.SparseTopKCategoricalAccuracy(5, name="top5_accuracy")
    return {
        "loss": optimization.loss(recipe),
        "metrics": ["accuracy", *([top5] if many else [])],
    }


def _map(recipe: Recipe, output: Any) -> dict[str, Any]:
    """A class a pixel: mean intersection over union, ignored pixels left out."""
    ignored = data.IGNORED
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=ignored
    )
    metric = keras.metrics.MeanIoU(
        recipe.images.classes, "mean_iou", ignore_class=ignored, sparse_y_pred=False
    )
    if not isinstance(output, Mapping):
        return {"loss": loss, "metrics": [metric]}
    return {
        "loss": dict.fromkeys(output, loss),
        "loss_weights": {name: recipe.loss_weights.get(name, 1.0) for name in output},
        "metrics": {"map": [metric]},
    }


def _boxes(recipe: Recipe, output: Any) -> dict[str, Any]:
    """Boxes: a detector's two stages, and mean average precision."""
    from keras_dynres import detection

    classes = recipe.images.classes
    metric = detection.MeanAveragePrecision(classes)
    losses = {
        "anchors": detection.AnchorLoss(),
        "regions": detection.RegionLoss(classes),
    }
    return {
        "loss": losses,
        "loss_weights": {name: recipe.loss_weights.get(name, 1.0) for name in losses},
        "metrics": {"detections": [metric]},
    }


_TASKS = {"classes": _classes, "map": _map, "boxes": _boxes}
