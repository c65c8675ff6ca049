"""From what is said of regions to boxes, scores and classes."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_dynres.detection import boxes
from keras_dynres.detection.proposals import picked
from keras_dynres.detection.suppression import kept

# What deltas of regions are multiplied by: they are small where anchors' are not.
SCALES = (0.1, 0.1, 0.2, 0.2)


@keras.saving.register_keras_serializable(package="keras_dynres")
class Detections(keras.layers.Layer):
    """Objects among the regions, as rows of x1, y1, x2, y2, score and class.

    Called on `[images, rows]`, rows of the region, a logit for the background and for
    each class, and four deltas for each of these. Candidates are pairs of a region and
    a class; of those of one class later ones that overlap are removed. Rows that are
    no object have the class -1, and zeros.

    Args:
        classes: Number of classes, without the background.
        count: How many rows there are.
        least_score: Candidates have more.
        suppression: Intersection over union from which on a box is removed.
        candidates: How many candidates are looked at, those of the highest scores.

    Example:

    >>> images, rows = keras.Input((64, 64, 3)), keras.Input((20, 4 + 3 + 12))
    >>> Detections(classes=2, count=10)([images, rows]).shape
    (None, 10, 6)
    """

    by_scores = True

    def __init__(
        self,
        classes: int,
        count: int = 100,
        least_score: float = 0.05,
        suppression: float = 0.5,
        candidates: int = 1000,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.classes = classes
        self.count = count
        self.least_score = least_score
        self.suppression = suppression
        self.candidates = candidates

    def call(self, inputs: Sequence[Any]) -> Any:
        """The rows, the highest score first."""
        images, rows = inputs
        regions = rows.shape[1]
        anchors, logits, deltas = split(ops.stop_gradient(rows), self.classes)
        scores = ops.softmax(logits)[..., 1:]
        # A region without an area is none.
        scores = scores * ops.cast(
            ops.expand_dims(boxes.areas(anchors), -1) > 0, "float32"
        )
        pairs = regions * self.classes
        scores, order = ops.top_k(
            ops.reshape(scores, (-1, pairs)), min(self.candidates, pairs)
        )
        order = ops.cast(order, "int32")
        region, kind = order // self.classes, order % self.classes
        anchors = picked(anchors, region)
        deltas = ops.reshape(deltas[:, :, 1:], (-1, pairs, 4))
        decoded = boxes.decoded(anchors, picked(deltas, order), SCALES)
        decoded = boxes.clipped(decoded, *images.shape[1:3])
        valid = ops.cast(scores > self.least_score, "float32")
        # Below the least score there are none that could remove others.
        stay = kept(decoded * ops.expand_dims(valid, -1), self.suppression, kind)
        scores, order = ops.top_k(
            scores * valid * stay, min(self.count, scores.shape[1])
        )
        kind = ops.cast(kind, "float32")
        kind = ops.squeeze(picked(ops.expand_dims(kind, -1), order), -1)
        there = ops.cast(scores > 0, "float32")
        columns = [
            picked(decoded, order) * ops.expand_dims(there, -1),
            ops.expand_dims(scores, -1),
            ops.expand_dims(there * (kind + 1) - 1, -1),
        ]
        rows = ops.concatenate(columns, axis=-1)
        missing = self.count - rows.shape[1]
        if missing:
            nothing = ops.zeros_like(rows[:, :1]) + ops.convert_to_tensor(
                [0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
            )
            rows = ops.concatenate([rows, *[nothing] * missing], axis=1)
        return rows

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple:
        """So many rows of six."""
        return (input_shape[0][0], self.count, 6)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "classes": self.classes,
            "count": self.count,
            "least_score": self.least_score,
            "suppression": self.suppression,
            "candidates": self.candidates,
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_dynres")
class DetectionColumns(keras.layers.Layer):
    """Rows of detections as boxes, scores, classes and how many there are."""

    gives_classes = False

    def __init__(self, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs: Any) -> dict[str, Any]:
        """The columns by their names."""
        classes = inputs[..., 5]
        there = ops.cast(classes >= 0, "float32")
        return {
            "boxes": inputs[..., :4],
            "scores": inputs[..., 4],
            "classes": classes,
            "count": ops.sum(there, axis=1),
        }

    def compute_output_shape(self, input_shape: Sequence[Any]) -> dict[str, tuple]:
        """The shapes of the columns."""
        images, rows, _ = input_shape
        return {
            "boxes": (images, rows, 4),
            "scores": (images, rows),
            "classes": (images, rows),
            "count": (images,),
        }


def split(rows: Any, classes: int) -> tuple[Any, Any, Any]:
    """Of rows of regions: the boxes, the logits, and the deltas of each class.

    The background comes first among the classes.

    Args:
        rows: `(batch, regions, 4 + 5 * (classes + 1))`.
        classes: Number of classes, without the background.
    """
    kinds = classes + 1
    regions = rows.shape[1]
    deltas = ops.reshape(rows[..., 4 + kinds :], (-1, regions, kinds, 4))
    return rows[..., :4], rows[..., 4 : 4 + kinds], deltas
