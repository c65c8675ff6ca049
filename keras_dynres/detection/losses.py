"""What a detector's two stages learn from boxes."""

from typing import Any

import keras
from keras import ops

from keras_dynres.detection import boxes
from keras_dynres.detection.anchor_rows import DELTAS, OBJECTNESS
from keras_dynres.detection.detections import SCALES, split
from keras_dynres.detection.matches import Matches
from keras_dynres.errors import DynresError


@keras.saving.register_keras_serializable(package="keras_dynres")
class AnchorLoss(keras.losses.Loss):
    """What the region proposal network learns: where objects are, and how far.

    Labels are rows of boxes, x1, y1, x2, y2 and the class, -1 in rows that are none.
    Of each image some anchors are drawn: cross-entropy of their objectness, and the
    distance of the positive ones' deltas. Which are drawn follows from the boxes and
    from what the network says, so a training can be repeated.

    Args:
        count: Anchors of an image that are trained.
        share: Of positive ones, at most.
        positive: An anchor that overlaps a box so much is positive, as is that which
            overlaps a box most.
        negative: One that overlaps all boxes less is negative.

    Example:

    >>> labels = keras.ops.convert_to_tensor([[[0.0, 0.0, 8.0, 8.0, 1.0]]])
    >>> rows = keras.ops.convert_to_tensor([[[0.0, 0, 8, 8, 9, 0, 0, 0, 0]]])
    >>> round(float(AnchorLoss(count=2)(labels, rows)), 3)
    0.0
    """

    def __init__(
        self,
        count: int = 256,
        share: float = 0.5,
        positive: float = 0.7,
        negative: float = 0.3,
        name: str = "anchor_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.count = count
        self.share = share
        self.positive = positive
        self.negative = negative

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image."""
        labels, rows = _checked(y_true), ops.cast(y_pred, "float32")
        anchors, logits = rows[..., :4], rows[..., OBJECTNESS]
        matches = Matches.of(anchors, labels, self.positive, self.negative, best=0.3)
        matches = matches.sampled(self.count, self.share, _salt(labels, logits))
        used = matches.positive + matches.negative
        wrong = ops.softplus(logits) - logits * matches.positive
        wanted = boxes.encoded(anchors, matches.boxes[..., :4])
        distance = _smooth(rows[..., DELTAS] - wanted, 1 / 9) * matches.positive
        total = ops.sum(wrong * used + distance, axis=1)
        return total / ops.maximum(ops.sum(used, axis=1), 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "count": self.count,
            "share": self.share,
            "positive": self.positive,
            "negative": self.negative,
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_dynres")
class RegionLoss(keras.losses.Loss):
    """What the head learns of regions: their class, and how far their box lies.

    Labels are those of `AnchorLoss`. Regions are the network's own proposals: boxes of
    the labels are not among them, since the network never sees labels.

    Args:
        classes: Number of classes, without the background.
        count: Regions of an image that are trained.
        share: Of positive ones, at most.
        positive: A region that overlaps a box so much is of its class; others are
            background.

    Example:

    >>> RegionLoss(classes=3).get_config()["count"]
    512
    """

    def __init__(
        self,
        classes: int,
        count: int = 512,
        share: float = 0.25,
        positive: float = 0.5,
        name: str = "region_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.count = count
        self.share = share
        self.positive = positive

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image."""
        labels = _checked(y_true)
        regions, logits, deltas = split(ops.cast(y_pred, "float32"), self.classes)
        regions = ops.stop_gradient(regions)
        matches = Matches.of(regions, labels, self.positive, self.positive)
        salt = _salt(labels, ops.max(logits, axis=2))
        matches = matches.sampled(self.count, self.share, salt)
        used = matches.positive + matches.negative
        # Class 0 of the head is the background.
        kind = ops.cast((matches.boxes[..., 4] + 1.0) * matches.positive, "int32")
        likely = ops.log_softmax(logits, axis=-1)
        truth = ops.one_hot(kind, self.classes + 1, dtype="float32")
        wrong = -ops.sum(truth * likely, axis=-1)
        own = ops.sum(ops.expand_dims(truth, -1) * deltas, axis=2)
        wanted = boxes.encoded(regions, matches.boxes[..., :4], SCALES)
        distance = _smooth(own - wanted, 1.0) * matches.positive
        total = ops.sum(wrong * used + distance, axis=1)
        return total / ops.maximum(ops.sum(used, axis=1), 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "classes": self.classes,
            "count": self.count,
            "share": self.share,
            "positive": self.positive,
        }
        return {**super().get_config(), **own}


def _checked(labels):
    if len(labels.shape) != 3 or labels.shape[-1] != 5:
        raise DynresError(
            "Labels of a detector are boxes of the shape (images, boxes, 5): x1, y1, "
            f"x2, y2 and the class, -1 in rows that are none. Received: {labels.shape}"
        )
    return ops.cast(labels, "float32")


def _salt(labels, logits):
    """A number between 0 and 1 for each image, another at each step."""
    said = ops.stop_gradient(ops.mean(logits, axis=1)) * 1e3
    salt = ops.sum(labels[..., 0], axis=1) * 0.618 + said
    return salt - ops.floor(salt)


def _smooth(distance, beta):
    """Squares of small distances and the size of large ones, added up for a box."""
    size = ops.abs(distance)
    values = ops.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta)
    return ops.sum(values, axis=-1)
