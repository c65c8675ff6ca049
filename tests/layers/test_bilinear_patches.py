import numpy as np
import pytest

from keras_dynres.layers.bilinear_patches import bilinear_patches


@pytest.mark.backends
def test_far_outside_lies_zero_and_the_edge_fades():
    images = np.ones((2, 3, 4, 1), "float32")
    images[1] = 2
    ys = np.array([-1e9, -1, -0.25, 2.25, 3, 1e9, 1], "float32")
    xs = np.array([1, 1, 1, 1, 1, 1, 3.5], "float32")
    read = bilinear_patches(images, *(np.tile(c, (2, 1, 1)) for c in (ys, xs)))
    expected = np.array([0, 0, 0.75, 0.75, 0, 0, 0.5])
    np.testing.assert_allclose(read[0, 0, :, 0], expected)
    np.testing.assert_allclose(read[1, 0, :, 0], 2 * expected)


@pytest.mark.backends
def test_masks_multiply_what_is_read():
    draw = np.random.default_rng(0)
    images = draw.normal(size=(2, 4, 5, 3)).astype("float32")
    ys, xs, masks = draw.uniform(-1, 5, (3, 2, 6, 4)).astype("float32")
    read = np.asarray(bilinear_patches(images, ys, xs))
    masked = bilinear_patches(images, ys, xs, masks)
    np.testing.assert_allclose(masked, masks[..., None] * read, atol=1e-5)
