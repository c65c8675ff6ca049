"""One way to walk any data: arrays, a `tf.data.Dataset`, a `PyDataset`."""

import math

import numpy as np

from keras_dynres.errors import DynresError


def batches(data, batch_size=128, limit=None):
    """Yields `(images, labels or None)` as NumPy arrays, `limit` images at most."""
    left = math.inf if limit is None else _positive(limit, "limit")
    if limit is None and _endless(data):
        raise DynresError(
            "The data never ends, so say how many images to take. Received: "
            "limit=None. Did you mean 'limit=10000'?"
        )
    source = _slices(data, batch_size) if _is_arrays(data) else data
    for element in source:
        images, labels = _split(element)
        if len(images) > left:
            images = images[:left]
            labels = None if labels is None else labels[:left]
        left -= len(images)
        yield images, labels
        if left <= 0:
            return


def count_batches(data, batch_size=128, limit=None):
    """How many batches `batches` will yield, or None where it cannot be known."""
    if _is_arrays(data):
        images = len(data[0] if isinstance(data, tuple) else data)
        return math.ceil(min(images, limit or images) / batch_size)
    if limit is not None:
        return None
    try:
        return len(data)
    except TypeError:
        return None


def _is_arrays(data):
    if _is_array(data):
        return True
    # A tuple is images and labels; a list of arrays is a list of batches.
    return isinstance(data, tuple) and all(_is_array(part) for part in data)


def _is_array(x):
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _slices(data, batch_size):
    images, labels = _split(data)
    if labels is not None and len(labels) != len(images):
        raise DynresError(
            "There must be one label for each image. Received: "
            f"{len(images)} images and {len(labels)} labels."
        )
    step = _positive(batch_size, "batch_size")
    for start in range(0, len(images), step):
        part = slice(start, start + step)
        yield images[part], None if labels is None else labels[part]


def _split(element):
    if not isinstance(element, (tuple, list)):
        return np.asarray(element), None
    labels = element[1] if len(element) > 1 else None
    return np.asarray(element[0]), None if labels is None else _classes(labels)


def _classes(labels):
    """Class indices, whether given as such, as a column, or one-hot."""
    labels = np.asarray(labels)
    if labels.ndim == 2:
        labels = labels[:, 0] if labels.shape[1] == 1 else labels.argmax(-1)
    if labels.ndim != 1:
        raise DynresError(
            "Labels must be class indices or one-hot rows. Received: an array "
            f"of shape {labels.shape}."
        )
    return labels.astype("int64")


def _endless(data):
    cardinality = getattr(data, "cardinality", None)
    if cardinality is not None:
        return int(cardinality()) == -1  # tf.data.INFINITE_CARDINALITY
    return hasattr(data, "num_batches") and data.num_batches is None


def _positive(value, name):
    if int(value) != value or value < 1:
        raise DynresError(
            f"`{name}` must be a whole number of at least 1. Received: {name}={value}."
        )
    return int(value)
