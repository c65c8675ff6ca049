"""Pictures with a class for each pixel, or with boxes, in a network's shape.

A picture is scaled to fit, its aspect ratio kept, and filled up at the right and below:
maps with pixels that count for nothing, images with their mean colour.
"""

import re
from typing import Any

import numpy as np
import tensorflow as tf

from keras_dynres.data.catalog import IGNORED, Dataset

# Of boxes' rows: x1, y1, x2, y2, class.
COLUMNS = 5
# The labels that Cityscapes' evaluation counts, in the order of its classes.
_CITYSCAPES = (*(7, 8, 11, 12, 13, 17, 19, 20, 21, 22), *range(23, 29), 31, 32, 33)


def classes_of(dataset: Dataset, example: dict[str, Any]) -> tf.Tensor:
    """The map of classes in an example of a data set's files.

    Numbers that are no class, by which files say that a pixel is not labelled, are
    `IGNORED`.
    """
    if dataset.name == "cityscapes":
        table = np.full(256, IGNORED, "uint8")
        table[list(_CITYSCAPES)] = np.arange(len(_CITYSCAPES))
        return tf.gather(table, tf.cast(example["segmentation_label"], tf.int32))
    classes = tf.cast(example["segmentation_mask"], tf.int32)
    if dataset.name == "pets":
        classes = classes - 1  # Counted from one.
    inside = tf.logical_and(classes >= 0, classes < dataset.classes)
    return tf.cast(tf.where(inside, classes, IGNORED), tf.uint8)


def rows_of(example: dict[str, Any]) -> tf.Tensor:
    """The boxes of an example: `(boxes, 5)`, in shares of the picture, and classes."""
    objects = example["objects"]
    top, left, bottom, right = tf.unstack(objects["bbox"], axis=-1)
    classes = tf.cast(objects["label"], tf.float32)
    rows = tf.stack([left, top, right, bottom, classes], axis=-1)
    return (
        tf.boolean_mask(rows, ~objects["is_crowd"]) if "is_crowd" in objects else rows
    )


def fitted_map(
    image: tf.Tensor, classes: tf.Tensor, dataset: Dataset
) -> tuple[tf.Tensor, tf.Tensor]:
    """A picture and its map in the data set's shape.

    Args:
        image: uint8 pixels (height, width, 3).
        classes: Their classes (height, width, 1).
        dataset: Whose shape and classes are meant.
    """
    same = tf.reduce_all(tf.shape(image)[:2] == tf.shape(classes)[:2])
    with tf.control_dependencies([_check(same, "a map of another size")]):
        image, size = fitted(image, dataset)
    classes = tf.image.resize(classes, size, method="nearest")
    classes = _filled(classes[..., 0], dataset.shape, IGNORED)
    return image, tf.cast(classes, tf.int32)


def fitted_boxes(
    image: tf.Tensor, rows: tf.Tensor, dataset: Dataset
) -> tuple[tf.Tensor, tf.Tensor]:
    """A picture and its boxes in the data set's shape.

    Args:
        image: uint8 pixels (height, width, 3).
        rows: As of `rows_of`.
        dataset: Whose shape and classes are meant, and how many boxes an image has at
            most.
    """
    numbers = tf.reduce_all(tf.math.is_finite(rows))
    classes = rows[:, 4]
    known = tf.reduce_all((classes >= 0) & (classes < dataset.classes))
    checks = [
        _check(numbers, "a box that is not of numbers"),
        _check(known, f"a box of none of the {dataset.classes} classes"),
    ]
    with tf.control_dependencies(checks):
        image, size = fitted(image, dataset)
    height, width = tf.unstack(tf.cast(size, tf.float32))
    rows = rows * tf.stack([width, height, width, height, 1.0])
    return image, kept_boxes(rows[None], (height, width), dataset.boxes)[0]


def kept_boxes(rows: tf.Tensor, size: tuple, count: int) -> tf.Tensor:
    """So many rows of boxes: those with an area inside the image, the largest first.

    What lies outside is cut off; a row that is none has the class -1.

    Args:
        rows: `(batch, boxes, 5)`.
        size: Height and width of the image.
        count: How many rows are kept.
    """
    height, width = size
    x1, y1, x2, y2, classes = tf.unstack(tf.cast(rows, tf.float32), axis=-1)
    x1, x2 = (tf.clip_by_value(x, 0.0, width) for x in (x1, x2))
    y1, y2 = (tf.clip_by_value(y, 0.0, height) for y in (y1, y2))
    area = (x2 - x1) * (y2 - y1)
    there = (classes >= 0) & (x2 > x1) & (y2 > y1) & (area > 0)
    rows = tf.stack([x1, y1, x2, y2, classes], axis=-1)
    nothing = tf.constant([0.0, 0.0, 0.0, 0.0, -1.0])
    rows = tf.where(there[..., None], rows, nothing)
    fill = tf.maximum(count - tf.shape(rows)[1], 0)
    none = tf.tile(nothing[None, None], [tf.shape(rows)[0], fill, 1])
    rows = tf.concat([rows, none], axis=1)
    size = (rows[..., 2] - rows[..., 0]) * (rows[..., 3] - rows[..., 1])
    order = tf.argsort(-size, axis=1, stable=True)[:, :count]
    rows = tf.gather(rows, order, batch_dims=1)
    return tf.ensure_shape(rows, [None, count, COLUMNS])


def complaint(error: tf.errors.InvalidArgumentError) -> str:
    """What a check of labels has said, empty where an error is another's.

    Args:
        error: The error that reading an example ended with.
    """
    said = re.search(r"Invalid labels: ([^\]'\"]*)", error.message)
    return said[1] if said else ""


def _check(holds: tf.Tensor, wrong: str) -> tf.Operation:
    return tf.Assert(holds, [f"Invalid labels: {wrong}"])


def fitted(image: tf.Tensor, dataset: Dataset) -> tuple[tf.Tensor, tf.Tensor]:
    """The picture scaled and filled up, and the size that its own pixels have.

    Args:
        image: uint8 pixels (height, width, 3).
        dataset: Whose shape is meant.
    """
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.reduce_min(tf.constant(dataset.shape, tf.float32) / shape)
    size = tf.maximum(tf.cast(tf.round(shape * scale), tf.int32), 1)
    size = tf.minimum(size, dataset.shape)
    pixels = tf.cond(
        tf.reduce_all(size == tf.shape(image)[:2]),
        lambda: tf.cast(image, tf.float32),
        lambda: tf.image.resize(image, size, antialias=True),
    )
    colour = tf.constant(dataset.mean) * 255.0
    pixels = _filled(pixels - colour, (*dataset.shape, 3), 0) + colour
    return tf.saturate_cast(tf.round(pixels), tf.uint8), size


def _filled(pixels: tf.Tensor, shape: tuple, value: int) -> tf.Tensor:
    """Filled up to the shape, at the right and below."""
    missing = tf.constant(shape) - tf.shape(pixels)
    pairs = tf.stack([tf.zeros_like(missing), missing], axis=1)
    filled = tf.pad(pixels, pairs, constant_values=tf.cast(value, pixels.dtype))
    return tf.ensure_shape(filled, shape)
