"""Rows of a table and pixels of a map by their numbers, and the numbers of some."""

from typing import Any

import keras
import numpy as np
from keras import ops

# From how many numbers on copying a map takes longer than a table of its places.
_LARGE = 2**14


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


def take_pixels(maps: Any, numbers: Any) -> Any:
    """The pixels of these numbers, counted row by row, and through a batch's images.

    Of one large image they are taken from where they stand: XNNPACK copies a map to
    reshape it, which takes longer than the pixels do.

    >>> image = keras.ops.reshape(keras.ops.arange(4.0), (1, 2, 2, 1))
    >>> keras.ops.convert_to_numpy(take_pixels(image, [[3, 0]])).tolist()
    [[[3.0], [0.0]]]

    Args:
        maps: (batch, height, width, channels).
        numbers: Of any shape.

    Returns:
        The shape of the numbers, and channels.
    """
    images, height, width, channels = maps.shape
    known = images == 1 and None not in (height, width)
    large = known and height * width * channels >= _LARGE
    if keras.backend.backend() != "tensorflow" or not large:
        return take_rows(ops.reshape(maps, (-1, channels)), numbers)
    import tensorflow as tf

    places = np.zeros((height, width, 3), "int32")
    places[..., 1:] = np.moveaxis(np.indices((height, width)), 0, -1)
    return tf.gather_nd(maps, tf.gather(places.reshape((-1, 3)), numbers))


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
