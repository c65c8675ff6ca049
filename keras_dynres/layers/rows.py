"""Rows of a table by their numbers, and the numbers of some."""

from typing import Any

import keras
from keras import ops


def take_rows(table: Any, numbers: Any) -> Any:
    """The rows of these numbers, none of which is negative.

    As `keras.ops.take`, which under TensorFlow also compares, adds and selects for
    numbers that count from the end: three operators a call that a phone would run.

    >>> keras.ops.convert_to_numpy(take_rows([5.0, 6.0, 7.0], [2, 0])).tolist()
    [7.0, 5.0]
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table, numbers)
    return ops.take(ops.convert_to_tensor(table), numbers, axis=0)


def positions(flags: Any) -> Any:
    """Where a row of booleans is true, int32: as many numbers as there are.

    As `keras.ops.nonzero`, whose form TFLite has no operator for.

    >>> keras.ops.convert_to_numpy(positions([True, False, True])).tolist()
    [0, 2]
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return ops.cast(tf.where(flags)[:, 0], "int32")
    return ops.cast(ops.nonzero(flags)[0], "int32")
