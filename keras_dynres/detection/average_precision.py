"""Mean average precision, as a Keras metric and by the COCO challenge's own tool."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from keras_dynres.detection.boxes import labelled, overlaps
from keras_dynres.errors import DynresError

# From half to nearly the whole of a box, as the COCO challenge has it.
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
# Log-odds of scores of a thousandth, and of the last below 1.
_ODDS = (-7.0, 16.0)
_RECALLS = np.linspace(0, 1, 101).astype("float32")
# What pycocotools calls its first figures.
_COCO = ("map", "map50", "map75", "map_small", "map_medium", "map_large")


@keras.saving.register_keras_serializable(package="keras_dynres")
class MeanAveragePrecision(keras.metrics.Metric):
    """Mean over classes and thresholds of the area under precision and recall.

    Called on boxes, rows of x1, y1, x2, y2 and the class, and detections, rows of x1,
    y1, x2, y2, score and class, the highest score first; rows of class -1 are none. A
    detection is right if it overlaps a box of its class, which no better one has, by
    the threshold. Scores are counted in bins, so that the metric can run within
    compiled steps: it differs from that of pycocotools (`coco_figures`) by what
    detections of one bin would gain or lose by their order, about a thousandth, or two
    on a few images.

    Args:
        classes: Number of classes.
        thresholds: Intersections over union, which are averaged over.
        bins: How many scores are told apart.
        name: The figure's name.

    Example:

    >>> boxes = keras.ops.convert_to_tensor([[[0.0, 0.0, 8.0, 8.0, 1.0]]])
    >>> rows = keras.ops.convert_to_tensor([[[0.0, 0.0, 8.0, 8.0, 0.9, 1.0]]])
    >>> metric = MeanAveragePrecision(classes=2)
    >>> metric.update_state(boxes, rows)
    >>> round(float(metric.result()), 3)
    1.0
    """

    def __init__(
        self,
        classes: int,
        thresholds: Sequence[float] = THRESHOLDS,
        bins: int = 2000,
        name: str = "map",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.classes = int(classes)
        self.thresholds = tuple(thresholds)
        self.bins = int(bins)
        shape = (self.classes * self.bins, len(self.thresholds))
        self.right = self.add_variable(shape, "zeros", name="right")
        self.detections = self.add_variable((shape[0],), "zeros", name="detections")
        self.boxes = self.add_variable((self.classes,), "zeros", name="boxes")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch."""
        del sample_weight
        labels, rows = labelled(y_true), ops.cast(y_pred, "float32")
        kind = ops.cast(rows[..., 5], "int32")
        there = ops.cast(kind >= 0, "float32")
        place = self._bin(rows[..., 4])
        place = ops.reshape(ops.maximum(kind, 0) * self.bins + place, (-1,))
        right = ops.reshape(self._right(labels, rows), (-1, len(self.thresholds)))
        count = self.classes * self.bins
        self.right.assign(self.right + ops.segment_sum(right, place, count))
        there = ops.reshape(there, (-1,))
        self.detections.assign(self.detections + ops.segment_sum(there, place, count))
        known = ops.one_hot(
            ops.cast(labels[..., 4], "int32"), self.classes, dtype="float32"
        )
        self.boxes.assign(self.boxes + ops.sum(known, axis=(0, 1)))

    def result(self) -> Any:
        """The mean over thresholds and those classes that have boxes."""
        shape = (self.classes, self.bins)
        right = ops.reshape(self.right, (*shape, len(self.thresholds)))
        total = ops.reshape(self.detections, (*shape, 1))
        # From the highest score down.
        right = ops.cumsum(ops.flip(right, axis=1), axis=1)
        total = ops.cumsum(ops.flip(total, axis=1), axis=1)
        boxes = ops.reshape(self.boxes, (-1, 1, 1))
        recall = right / ops.maximum(boxes, 1.0)
        precision = right / ops.maximum(total, 1.0)

        recalls = ops.convert_to_tensor(_RECALLS - 1e-6)

        def add(number, area):
            reached = ops.where(recall >= recalls[number], precision, 0.0)
            return area + ops.max(reached, axis=1)

        start = ops.zeros((self.classes, len(self.thresholds)))
        area = ops.fori_loop(0, len(_RECALLS), add, start)
        known = ops.cast(self.boxes > 0, "float32")
        classes = ops.maximum(ops.sum(known), 1.0)
        return ops.sum(ops.mean(area, axis=1) * known) / (len(_RECALLS) * classes)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "classes": self.classes,
            "thresholds": self.thresholds,
            "bins": self.bins,
        }
        return {**super().get_config(), **own}

    def _bin(self, scores):
        """Even in log-odds: sure answers, which are many, stay apart."""
        odds = ops.log(scores + 1e-12) - ops.log(1.0 - scores + 1e-7)
        share = (odds - _ODDS[0]) / (_ODDS[1] - _ODDS[0])
        place = ops.cast(ops.clip(share, 0.0, 1.0) * self.bins, "int32")
        return ops.minimum(place, self.bins - 1)

    def _right(self, labels, rows):
        """1 for each detection that is right by a threshold, `(batch, rows, ...)`."""
        shared = overlaps(rows[..., :4], labels[..., :4])
        same = ops.expand_dims(rows[..., 5], 2) == ops.expand_dims(labels[..., 4], 1)
        there = ops.expand_dims(labels[..., 4] >= 0, 1)
        shared = ops.where(ops.logical_and(same, there), shared, -1.0)
        thresholds = np.asarray(self.thresholds, "float32").reshape(1, -1, 1) - 1e-6

        count = shared.shape[1]

        def match(number, state):
            free, right = state  # (batch, thresholds, boxes), (.., rows)
            own = ops.expand_dims(ops.take(shared, number, axis=1), 1)
            own = ops.where(free > 0, own, -1.0)
            best = ops.max(own, axis=2, keepdims=True)
            hit = ops.logical_and(best >= thresholds, best >= 0)
            hit = ops.cast(hit, "float32")
            taken = ops.one_hot(ops.argmax(own, axis=2), own.shape[2], dtype="float32")
            now = ops.one_hot(number, count, dtype="float32")
            return free * (1.0 - taken * hit), right + hit * now

        free = ops.ones_like(shared[:, :1]) + 0.0 * thresholds
        # The batch's size is not known: zeros of its shape.
        right = 0.0 * ops.transpose(shared[:, :, :1], (0, 2, 1)) + 0.0 * thresholds
        _, right = ops.fori_loop(0, count, match, (free, right))
        return ops.transpose(right, (0, 2, 1))


def coco_figures(boxes: ArrayLike, detections: ArrayLike) -> dict[str, float]:
    """Average precision by pycocotools, of all objects and by their size.

    Needs `pip install keras-dynres[detection]`.

    Args:
        boxes: `(images, boxes, 5)`, as labels are.
        detections: `(images, rows, 6)`, as a detector gives them.

    Returns:
        `map` over the challenge's thresholds, `map50`, `map75`, and `map_small`,
        `map_medium`, `map_large`; -1 where there are no such boxes.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise DynresError(
            "The COCO challenge's figures need pycocotools: "
            "pip install 'keras-dynres[detection]'."
        ) from error
    boxes, detections = np.asarray(boxes, "float64"), np.asarray(detections, "float64")
    if boxes.ndim != 3 or detections.ndim != 3 or len(boxes) != len(detections):
        raise DynresError(
            "Boxes (images, boxes, 5) and detections (images, rows, 6) of the same "
            f"images are needed. Received: shapes {boxes.shape} and {detections.shape}"
        )
    truth, answers = _rows(boxes, 4), _rows(detections, 5)
    if not truth or not answers:
        return dict.fromkeys(_COCO, 0.0 if truth else -1.0)
    for number, row in enumerate(truth, 1):
        row.update(id=number, iscrowd=0, area=row["bbox"][2] * row["bbox"][3])
    kinds = sorted({row["category_id"] for row in truth + answers})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(len(boxes))],
            "categories": [{"id": kind} for kind in kinds],
            "annotations": truth,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(answers), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(_COCO, map(float, evaluation.stats), strict=False))


def _rows(images, kind):
    """COCO's rows; the column of the class, and the score where there is one."""
    return [
        {
            "image_id": number,
            "category_id": int(row[kind]),
            "bbox": [*row[:2], *(row[2:4] - row[:2])],
            **({"score": row[4]} if kind == 5 else {}),
        }
        for number, rows in enumerate(images)
        for row in rows
        if row[kind] >= 0
    ]
