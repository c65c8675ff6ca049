"""Pixels by their numbers."""

import keras
import numpy as np
import pytest

from keras_dynres.layers import rows


@pytest.mark.backends
@pytest.mark.parametrize("shape", [(1, 4, 3, 2), (1, 32, 16, 40), (2, 32, 16, 40)])
def test_pixels_are_those_of_the_flat_map(shape):
    draw = np.random.default_rng(0)
    maps = draw.normal(size=shape).astype("float32")
    numbers = draw.integers(0, np.prod(shape[:3]), (2, 5)).astype("int32")
    taken = keras.ops.convert_to_numpy(
        rows.take_pixels(keras.ops.convert_to_tensor(maps), numbers)
    )
    assert (taken == maps.reshape((-1, shape[-1]))[numbers]).all()
