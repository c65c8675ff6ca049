import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.layers import GaussianDownsample2D


def blurred(image, ratio):
    """Pixel by pixel: a Gaussian around the middle of the pixels that become one."""

    def weights(size):
        rows = []
        for cell in range(size // ratio):
            centre = ratio * cell + (ratio - 1) / 2
            far = np.abs(np.arange(size) - centre)
            row = np.exp(-(far**2) / (2 * (ratio / 2) ** 2)) * (far < 1.5 * ratio)
            rows.append(row / row.sum())
        return np.array(rows)

    height, width, _ = image.shape
    return np.einsum("iy,jx,yxc->ijc", weights(height), weights(width), image)


@pytest.mark.backends
@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_it_is_a_gaussian_normalised_within_the_image(ratio):
    image = np.random.default_rng(0).normal(size=(12, 24, 3)).astype("float32")
    output = np.asarray(GaussianDownsample2D(ratio)(image[None]))[0]
    np.testing.assert_allclose(output, blurred(image, ratio), atol=1e-5)


def test_a_mirrored_image_gives_the_mirrored_result():
    image = np.random.default_rng(1).normal(size=(1, 8, 8, 3)).astype("float32")
    layer = GaussianDownsample2D(2)
    there, back = layer(image[:, :, ::-1]), np.asarray(layer(image))[:, :, ::-1]
    np.testing.assert_allclose(there, back, atol=1e-6)


def test_its_cost_is_counted():
    x = keras.Input((8, 8, 3))
    counted = kd.cost.count(keras.Model(x, GaussianDownsample2D(2)(x)))
    assert (counted.macs, counted.flops) == (0, 2 * 36 * 4 * 4 * 3)


@pytest.mark.parametrize("shape", [(9, 8, 3), (None, 8, 3)])
def test_a_size_that_cannot_be_divided_is_refused(shape):
    with pytest.raises(kd.DynresError, match="that 2 divides"):
        GaussianDownsample2D(2)(keras.Input(shape))
