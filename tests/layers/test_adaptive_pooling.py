import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.layers import AdaptivePooling2D


def by_hand(x, ratio, reduce):
    """Windows from floor(i n / m) up to ceil((i + 1) n / m), one cell at a time."""
    _, height, width, _ = x.shape
    rows, columns = (max(1, round(n * ratio)) for n in (height, width))
    out = np.zeros((len(x), rows, columns, x.shape[-1]), x.dtype)
    for i in range(rows):
        for j in range(columns):
            top, bottom = int(i * height / rows), int(np.ceil((i + 1) * height / rows))
            left = int(j * width / columns)
            right = int(np.ceil((j + 1) * width / columns))
            out[:, i, j] = reduce(x[:, top:bottom, left:right], axis=(1, 2))
    return out


# Every size is compiled on JAX: half of them will do there.
EVEN = [(8, 8), (14, 10), (28, 28)]


def _one_backend(size):
    return pytest.param(size, marks=pytest.mark.tensorflow)


@pytest.mark.backends
@pytest.mark.parametrize("size", [(7, 7), (5, 9), (2, 3), *map(_one_backend, EVEN)])
@pytest.mark.parametrize("ratio", [0.5, 0.75, 0.33, 1.0])
@pytest.mark.parametrize("mode", ["average", "max"])
def test_cells_are_those_of_the_definition(size, ratio, mode):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    expected = by_hand(x, ratio, np.mean if mode == "average" else np.max)
    np.testing.assert_allclose(AdaptivePooling2D(ratio, mode)(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "ratio", "cells"), [(7, 0.5, 4), (5, 0.5, 2), (14, 0.75, 10), (2, 0.75, 2)]
)
def test_sizes_are_rounded_half_to_even(size, ratio, cells):
    shape = AdaptivePooling2D(ratio).compute_output_shape((None, size, size, 3))
    assert shape == (None, cells, cells, 3)


def test_height_and_width_may_have_ratios_of_their_own():
    layer = AdaptivePooling2D((0.5, 0.25), "max")
    layer = AdaptivePooling2D.from_config(layer.get_config())
    x = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
    pooled = keras.ops.convert_to_numpy(layer(x))[0, :, :, 0]
    np.testing.assert_array_equal(pooled, [[11, 15], [27, 31], [43, 47], [59, 63]])


def test_an_image_sized_input_is_needed():
    layer = AdaptivePooling2D(0.5)
    with pytest.raises(kd.DynresError, match="known height and width"):
        layer(keras.Input((None, 8, 3)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"ratio": 0}, "ratio=0"),
        ({"ratio": 1.2}, "1.2"),
        ({"ratio": (0.5, 0)}, r"\(0.5, 0\)"),
        ({"ratio": 0.5, "mode": "min"}, "'min'"),
    ],
)
def test_bad_arguments(arguments, says):
    with pytest.raises(kd.DynresError, match=says):
        AdaptivePooling2D(**arguments)


def test_config_brings_the_layer_back():
    layer = AdaptivePooling2D(0.75, "max", name="pool")
    again = AdaptivePooling2D.from_config(layer.get_config())
    assert (again.ratio, again.mode, again.name) == (0.75, "max", "pool")
