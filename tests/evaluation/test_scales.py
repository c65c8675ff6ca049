import itertools

import keras
import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.evaluation import scale_sensitivity
from keras_dynres.evaluation.scales import PAPER_SIZES, resize_and_crop


def softmax(x):
    powers = np.exp(x.astype("float64"))
    return powers / powers.sum(-1, keepdims=True)


def upscaled(image, size, crop):
    """Bilinear upscaling by the textbook, half-pixel centres, then the middle."""
    height, width, _ = image.shape
    ratio = size / min(height, width)
    rows, columns = round(height * ratio), round(width * ratio)
    out = np.zeros((crop, crop, 3))
    for i, j in itertools.product(range(crop), range(crop)):
        y = (i + (rows - crop) // 2 + 0.5) * height / rows - 0.5
        x = (j + (columns - crop) // 2 + 0.5) * width / columns - 0.5
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        top, left = min(int(y), height - 2), min(int(x), width - 2)
        v, h = y - top, x - left
        patch = image[top : top + 2, left : left + 2]
        out[i, j] = (patch[0, 0] * (1 - h) + patch[0, 1] * h) * (1 - v) + (
            patch[1, 0] * (1 - h) + patch[1, 1] * h
        ) * v
    return out


@pytest.mark.backends
@pytest.mark.parametrize("activation", [None, "softmax"])
def test_equals_an_independent_computation(activation, small_net):
    net = small_net(size=8, activation=activation)
    images = np.random.default_rng(1).normal(size=(5, 9, 11, 3)).astype("float32") * 3
    sizes = (9, 12, 14)
    result = scale_sensitivity(net, images, sizes, batch_size=2, verbose=0)
    outputs = {}
    for size in sizes:
        views = np.stack([upscaled(image, size, 8) for image in images])
        raw = net.predict(views.astype("float32"), verbose=0)
        outputs[size] = softmax(raw) if activation is None else raw
    pairs = []
    for a, b in itertools.combinations(sizes, 2):
        cosines = [
            u @ v / np.sqrt((u @ u) * (v @ v))
            for u, v in zip(outputs[a], outputs[b], strict=True)
        ]
        pairs.append(np.mean(cosines))
        row, column = sizes.index(a), sizes.index(b)
        assert result.matrix[row, column] == pytest.approx(pairs[-1], abs=1e-6)
        assert result.matrix[column, row] == result.matrix[row, column]
    assert result.mean == pytest.approx(np.mean(pairs), abs=1e-6)
    assert result.mean < 1 - 1e-5
    np.testing.assert_allclose(np.diag(result.matrix), 1)
    assert result.images == 5 and "3 pairs, 5 images" in str(result)


def test_a_network_blind_to_size_scores_one():
    image = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(image)
    net = keras.Model(image, keras.layers.Dense(4)(x))
    flat = np.ones((3, 16, 16, 3), "float32") * np.arange(3)[:, None, None, None]
    result = scale_sensitivity(net, flat, verbose=0)
    assert len(result.sizes) == 7 and result.crop == 16
    assert result.mean == pytest.approx(1)


def test_paper_sizes_and_their_scaled_form(small_net):
    assert PAPER_SIZES == (256, 272, 288, 304, 320, 336, 352)
    images = np.zeros((1, 32, 32, 3), "float32")
    result = scale_sensitivity(small_net(32), images, verbose=0)
    assert result.sizes == (37, 39, 41, 43, 46, 48, 50) and result.crop == 32


def test_streams_images_of_different_shapes_and_other_batches(dynamic):
    rng = np.random.default_rng(0)
    ragged = [rng.normal(size=(1, h, w, 3)) for h, w in ((8, 8), (10, 9), (8, 13))]
    result = scale_sensitivity(dynamic, ragged, (9, 10), batch_size=2, verbose=0)
    alone = [
        scale_sensitivity(dynamic.at("full"), x, (9, 10), verbose=0).mean
        for x in ragged
    ]
    assert result.images == 3
    assert result.mean == pytest.approx(np.mean(alone), abs=1e-6)
    assert scale_sensitivity(dynamic, ragged, limit=2, verbose=0).images == 2


@pytest.mark.parametrize(("shape", "size"), [((21, 30), 12), ((9, 8), 12), ((8, 8), 8)])
def test_resize_equals_keras(shape, size):
    images = np.random.default_rng(2).normal(size=(2, *shape, 3)).astype("float32")
    ratio = size / min(shape)
    rows, columns = round(shape[0] * ratio), round(shape[1] * ratio)
    whole = keras.ops.image.resize(
        images, (rows, columns), antialias=True, data_format="channels_last"
    )
    top, left = (rows - 8) // 2, (columns - 8) // 2
    middle = keras.ops.convert_to_numpy(whole)[:, top : top + 8, left : left + 8]
    np.testing.assert_allclose(resize_and_crop(images, size, 8), middle, atol=1e-5)


def test_one_of_several_outputs_is_compared(two_headed, data):
    images, options = data[0], {"sizes": (9, 10), "verbose": 0}
    result = scale_sensitivity(two_headed, images, output="classes", **options)
    base = two_headed.base
    alone = keras.Model(base.input, base.output["classes"])
    assert result.mean == scale_sensitivity(alone, images, **options).mean
    with pytest.raises(DynresError, match="several outputs.*'classes', 'pixels'"):
        scale_sensitivity(two_headed, images, **options)
    with pytest.raises(DynresError, match=r"one answer an image.*\(None, 8, 8\)"):
        scale_sensitivity(two_headed, images, output="pixels", **options)


@pytest.mark.parametrize("operation", [keras.layers.Softmax(), keras.ops.softmax])
def test_probabilities_are_seen_wherever_they_come_from(operation, small_net, data):
    net = small_net()
    probable = keras.Model(net.input, operation(net.output))
    options = {"sizes": (9, 10), "verbose": 0}
    mean = scale_sensitivity(net, data[0], **options).mean
    assert scale_sensitivity(probable, data[0], **options).mean == pytest.approx(mean)


def test_bad_input_gets_a_sentence(data, small_net):
    net = small_net()
    with pytest.raises(DynresError, match="none below the crop of 8"):
        scale_sensitivity(net, data, sizes=(7, 9), verbose=0)
    with pytest.raises(DynresError, match="two or more different sizes"):
        scale_sensitivity(net, data, sizes=(9, 9), verbose=0)
    with pytest.raises(DynresError, match="`crop` is needed"):
        free = keras.Input((None, None, 3))
        flexible = keras.Model(free, keras.layers.GlobalAveragePooling2D()(free))
        scale_sensitivity(flexible, data, verbose=0)
    net.get_layer("head").bias.assign([0, np.nan, 0, 0])
    with pytest.raises(DynresError, match="NaN"):
        scale_sensitivity(net, data, verbose=0)
