"""Rows of a table by their numbers."""

from typing import Any

import keras
from keras import ops


def take_rows(table: Any, numbers: Any) -> Any:
    """The rows of these numbers, none of which is negative.

    As `keras.ops.take`, which under TensorFlow also compares, adds and selects for
    numbers that count from the end: three operators a call that a phone would run.

    >>> rows = take_rows(keras.ops.arange(4.0), keras.ops.convert_to_tensor([2, 0]))
    >>> keras.ops.convert_to_numpy(rows).tolist()
    [2.0, 0.0]
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table, numbers)
    return ops.take(ops.convert_to_tensor(table), numbers, axis=0)
