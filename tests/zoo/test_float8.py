"""Kernels in a byte for each weight."""

import numpy as np
import pytest

from keras_dynres.zoo import float8

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
@pytest.mark.parametrize("top", [None, 0.97, 0.9999, 1.0])
def test_what_is_rounded_is_held_exactly(scale, top):
    kernel = DRAW.normal(size=(3, 3, 8, 8)).astype("float32")
    if top:  # Just below a power of two, which it is rounded to.
        kernel.flat[7] = 8 * top
    kernel *= np.float32(scale)
    near = float8.rounded(kernel)
    found, exponent = float8.coded(near)
    assert found.dtype == np.uint8 and found.shape == kernel.shape
    np.testing.assert_array_equal(float8.decoded(found, exponent), near)
    # Three bits, and 2 ** -10 of the smallest normal one for what is less.
    least = np.abs(kernel).max() * 2.0**-16
    np.testing.assert_allclose(near, kernel, rtol=2**-4, atol=least)
    np.testing.assert_array_equal(float8.rounded(near), near)


@pytest.mark.parametrize("value", [1.03, np.nan, np.inf])
def test_what_would_be_changed_is_not_coded(value):
    assert float8.coded(np.array([[1.0, value]], "float32")) is None


@pytest.mark.parametrize("value", [1e-300, 1e300])
def test_nor_is_what_float32_does_not_reach(value):
    assert float8.coded(np.array([[2.0 ** np.round(np.log2(value))]])) is None


@pytest.mark.parametrize("shape", [(0, 3), (2, 2)])
def test_nothing_and_zeros(shape):
    zeros = np.zeros(shape, "float32")
    found, exponent = float8.coded(float8.rounded(zeros))
    np.testing.assert_array_equal(float8.decoded(found, exponent), zeros)
