import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.layers import PooledKernelConv2D

DRAW = np.random.default_rng(0)


def convolution(size, channels=2, **options):
    layer = keras.layers.Conv2D(4, size, padding="same", name="conv", **options)
    layer.build((None, 8, 8, channels))
    layer.set_weights([DRAW.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def pooled(source, ratio=2, pooling="floor"):
    return PooledKernelConv2D.of(source, ratio, pooling, "pooled")


@pytest.mark.backends
def test_three_by_three_becomes_the_mean_of_its_nine_taps():
    source = convolution(3)
    kernel = np.asarray(source.kernel)
    expected = sum(kernel[i, j] for i in range(3) for j in range(3)) / 9
    taps = np.asarray(pooled(source).kernel)
    assert taps.shape == (1, 1, 2, 4)
    np.testing.assert_allclose(taps[0, 0], expected, atol=1e-6)


@pytest.mark.backends
@pytest.mark.parametrize(("size", "ratio"), [(5, 2), (3, 2), (7, 3)])
def test_ceil_is_average_pooling_padded_at_the_end(size, ratio):
    source = convolution(size)
    kernel = np.asarray(source.kernel)
    cells = -(-size // ratio)
    padded = np.full((cells * ratio, cells * ratio, 2, 4), np.nan)
    padded[:size, :size] = kernel
    blocks = padded.reshape(cells, ratio, cells, ratio, 2, 4)
    taps = np.asarray(pooled(source, ratio, "ceil").kernel)
    np.testing.assert_allclose(taps, np.nanmean(blocks, axis=(1, 3)), atol=1e-6)


@pytest.mark.backends
def test_floor_covers_every_tap():
    source = convolution(5)
    kernel = np.asarray(source.kernel)
    taps = np.asarray(pooled(source).kernel)
    assert taps.shape[:2] == (2, 2)
    np.testing.assert_allclose(taps[0, 1], kernel[:3, 2:].mean((0, 1)), atol=1e-6)
    # A ratio beyond the kernel leaves one tap.
    assert tuple(pooled(source, ratio=8).kernel.shape[:2]) == (1, 1)


@pytest.mark.backends
def test_it_convolves_with_the_pooled_kernel_and_the_sources_bias():
    source = convolution((1, 5), activation="relu")
    layer = pooled(source, pooling="ceil")
    x = DRAW.normal(size=(2, 8, 8, 2)).astype("float32")
    small = keras.layers.Conv2D(4, (1, 3), padding="same", activation="relu")
    small.build((None, 8, 8, 2))
    small.set_weights([np.asarray(layer.kernel), np.asarray(source.bias)])
    np.testing.assert_allclose(layer(x), small(x), atol=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_spread_evenly_over_the_sources_taps(groups):
    source = convolution(3, channels=4, groups=groups, use_bias=False)
    layer = pooled(source)
    small = layer.plain()
    small.build((None, 8, 8, 4))
    small.set_weights(layer.plain_weights())
    before = np.asarray(source.kernel), np.asarray(small.kernel)
    x = DRAW.normal(size=(4, 8, 8, 4)).astype("float32")
    y = DRAW.normal(size=(4, 8, 8, 4)).astype("float32")
    for trained in (layer, small):
        inputs = keras.Input((8, 8, 4))
        model = keras.Model(inputs, trained(inputs))
        model.compile(keras.optimizers.SGD(1.0), "mse")
        model.train_on_batch(x, y)
    moved = np.asarray(small.kernel) - before[1]
    assert np.abs(moved).max() > 1e-3
    np.testing.assert_allclose(
        np.asarray(source.kernel) - before[0],
        np.broadcast_to(moved / 9, before[0].shape),
        atol=1e-6,
    )


@pytest.mark.backends
def test_it_has_no_weights_of_its_own_and_follows_the_source():
    source = convolution(3)
    layer = pooled(source)
    assert [id(w) for w in layer.weights] == [id(w) for w in source.weights]
    source.kernel.assign(np.ones(source.kernel.shape))
    np.testing.assert_allclose(layer.kernel, 1, atol=1e-6)


@pytest.mark.backends
def test_a_saved_graph_holds_a_small_convolution(tmp_path):
    layer = pooled(convolution(3))
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = DRAW.normal(size=(2, 8, 8, 2)).astype("float32")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    assert loaded.count_params() == 2 * 4 + 4


def test_weights_cannot_be_loaded_into_what_is_computed():
    layer, store = pooled(convolution(3)), {}
    layer.save_own_variables(store)
    assert tuple(store["0"].shape) == (1, 1, 2, 4)
    with pytest.raises(kd.DynresError, match="'pooled' computes its kernel.*'conv'"):
        layer.load_own_variables(store)
