"""Maps of pictures larger and smaller than the network's input."""

import keras
import numpy as np
import pytest

from keras_dynres.errors import DynresError
from keras_dynres.evaluation import windows

IMAGE = np.random.default_rng(0).normal(size=(19, 26, 3)).astype("float32")


@pytest.fixture(scope="module")
def pointwise():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 10, 3))
    return keras.Model(image, keras.layers.Conv2D(4, 1, name="head")(image))


def expected(model, image):
    kernel, bias = (np.asarray(w) for w in model.get_layer("head").weights)
    return image @ kernel[0, 0] + bias


@pytest.mark.backends
@pytest.mark.parametrize("overlap", [0, 0.3, 0.5, 0.9])
def test_of_a_pointwise_network_the_windows_are_the_whole(pointwise, overlap):
    got = windows(pointwise, IMAGE, overlap=overlap)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, expected(pointwise, IMAGE), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (8, 10), (5, 30), (30, 5), (9, 11), (1, 1)])
def test_pictures_of_any_size(pointwise, shape):
    image = np.random.default_rng(1).normal(size=(*shape, 3)).astype("float32")
    got = windows(pointwise, image)
    np.testing.assert_allclose(got, expected(pointwise, image), atol=1e-5)


def test_overlapping_windows_are_averaged():
    # Of three windows of 4 over 8 pixels each gives its number.
    numbers = iter([1.0, 2.0, 6.0])

    def count(images):
        return np.full((1, 4, 4, 1), next(numbers))

    got = windows(count, np.zeros((4, 8, 3)), size=(4, 4), batch_size=1)
    np.testing.assert_allclose(got[0, :, 0], [1, 1, 1.5, 1.5, 4, 4, 6, 6])
    assert next(numbers, None) is None


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.75])
def test_windows_overlap_by_as_much_as_is_said(overlap):
    # Pixels tell their own place.
    image = np.broadcast_to(np.arange(37.0)[None, :, None], (8, 37, 1))
    starts = []

    def corners(images):
        starts.extend(images[:, 0, 0, 0].astype(int))
        return images

    windows(corners, image, size=(8, 8), overlap=overlap, batch_size=1)
    assert starts[0] == 0 and starts[-1] == 29
    assert max(np.diff(starts)) <= 8 * (1 - overlap)


def test_every_batch_has_one_size():
    shapes = []

    def model(images):
        shapes.append(images.shape)
        return images

    windows(model, IMAGE, size=(8, 10), batch_size=4)
    assert len(shapes) > 1 and set(shapes) == {(4, 8, 10, 3)}


def test_the_output_that_is_meant():
    def model(images):
        return {"map": 2 * images, "row": images.mean(axis=(1, 2))}

    np.testing.assert_allclose(
        windows(model, IMAGE, size=(8, 8), output="map"), 2 * IMAGE, rtol=1e-6
    )
    with pytest.raises(DynresError, match="Did you mean|Offered: 'map', 'row'"):
        windows(model, IMAGE, size=(8, 8))
    with pytest.raises(DynresError, match=r"8 x 8 pixels.*\(4, 3\)"):
        windows(model, IMAGE, size=(8, 8), output="row")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"image": IMAGE[0]}, r"one picture.*\(26, 3\)"),
        ({"image": IMAGE[:0]}, r"one picture.*\(0, 26, 3\)"),
        ({"overlap": 1}, "overlap=1"),
        ({"overlap": -0.1}, "overlap=-0.1"),
        ({"size": None}, "size=None"),
        ({"size": (0, 8)}, r"size=\(0, 8\)"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    kind = {"image": IMAGE, "size": (8, 8), **arguments}
    with pytest.raises(DynresError, match=sentence):
        windows(lambda x: x, **kind)
