"""Fused batch norms compute what Keras' own do."""

import keras
import low_nets
import numpy as np
import pytest
from keras.layers import BatchNormalization

import keras_dynres as kd
from keras_dynres.layers import StatisticsSlot

pytestmark = pytest.mark.tensorflow


def small(seed=0):
    keras.utils.set_random_seed(seed)
    return low_nets.architecture((16, 16, 3))


def fitted(model, fuse, steps=4):
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    if fuse:
        assert kd.training.fuse_norms(model) > 0
    draw = np.random.default_rng(0)
    images = draw.normal(1, 2, (8 * steps, 16, 16, 3)).astype("float32")
    labels = draw.integers(0, 10, 8 * steps)
    history = model.fit(images, labels, batch_size=8, verbose=0, shuffle=False)
    return history.history["loss"][-1], model.get_weights()


def pointed(base):
    return kd.SDPoint(base, points=["relu1"], ratios=(0.5,))


def shrinking(base):
    return kd.LowMode(base, layers=["conv2", "conv3"])


def resizable(base):
    return kd.Resizable(base, scales=(0.5, 1), stages=["relu1"])


@pytest.mark.parametrize("wrap", [lambda base: base, pointed, shrinking, resizable])
def test_steps_end_where_keras_own_end(wrap):
    loss, weights = fitted(wrap(small()), fuse=False)
    fused_loss, fused_weights = fitted(wrap(small()), fuse=True)
    assert fused_loss == pytest.approx(loss, rel=1e-4)
    for fused, plain in zip(fused_weights, weights, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=2e-3, atol=2e-4)


def test_one_value_a_channel_has_no_variance():
    model = keras.Sequential(
        [keras.Input((1, 1, 2)), keras.layers.BatchNormalization(momentum=0.5)]
    )
    assert kd.training.fuse_norms(model) == 1
    model(np.array([[[[3.0, -1.0]]]], "float32"), training=True)
    norm = model.layers[-1]
    np.testing.assert_allclose(norm.moving_mean, [1.5, -0.5], rtol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, [0.5, 0.5], rtol=1e-6)


def test_inference_and_frozen_norms_read_the_moving_statistics():
    model, images = small(), np.ones((2, 16, 16, 3), "float32")
    wanted = keras.ops.convert_to_numpy(model(images, training=False))
    kd.training.fuse_norms(model)
    np.testing.assert_array_equal(model(images, training=False), wanted)
    model.trainable = False
    np.testing.assert_array_equal(model(images, training=True), wanted)


def test_what_the_kernel_cannot_do_stays_keras_own():
    inputs = keras.Input((4, 4, 2))
    norm = keras.layers.BatchNormalization
    x = norm(scale=False)(inputs)
    x = norm(axis=1)(x)
    x = norm(synchronized=True)(x)
    x = norm()(keras.layers.Flatten()(x))
    model = keras.Model(inputs, x)
    assert kd.training.fuse_norms(model) == 0


def test_slots_are_fused_too():
    model = pointed(small())
    slots = [x for x in model.slots.values() if isinstance(x, StatisticsSlot)]
    norms = [x for x in model.graph.layers if isinstance(x, BatchNormalization)]
    assert slots and kd.training.fuse_norms(model) == len(slots) + len(norms)


def test_a_saved_model_is_keras_own(tmp_path):
    model = small()
    kd.training.fuse_norms(model)
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    norms = [
        layer
        for layer in again.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert norms and not any("call" in vars(norm) for norm in norms)
