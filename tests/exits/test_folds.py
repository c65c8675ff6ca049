"""Folded batch norms: the same numbers, the same weights, fewer passes."""

import keras
import numpy as np
import pytest
import staged_net
from keras import layers

import keras_dynres as kd
from keras_dynres import graph
from keras_dynres.exits import folds

pytestmark = pytest.mark.backends


def small():
    options = {"steps": (1, 1), "channels": 4, "growth": 2, "head": 4}
    net = kd.MSDNet("cifar_budget10", input_shape=(16, 16, 3), classes=4, **options)
    return staged_net.lively(net).base


def agree(one, other):
    shape = (4, *one.input_shape[1:])
    images = np.random.default_rng(1).normal(size=shape).astype("float32")
    wanted = keras.tree.flatten(other.predict_on_batch(images))
    for values, exact in zip(
        keras.tree.flatten(one.predict_on_batch(images)), wanted, strict=True
    ):
        np.testing.assert_allclose(values, exact, atol=1e-5 * np.abs(exact).max())


def norms(net):
    called = [call.layer for call in graph.calls(net)]
    return [x.name for x in called if isinstance(x, layers.BatchNormalization)]


def test_an_msdnet_keeps_no_norm_and_all_weights():
    net = small()
    folded = folds.folded(net)
    assert len(norms(net)) > 10 and not norms(folded)
    assert {id(w) for w in folded.weights} == {id(w) for w in net.weights}
    agree(folded, net)


def test_weights_that_move_move_the_folded_net():
    net = small()
    folded = folds.folded(net)
    before = net.predict_on_batch(np.ones((1, 16, 16, 3)))[-1]
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 0.5)
    again = net.predict_on_batch(np.ones((1, 16, 16, 3)))[-1]
    assert np.abs(again - before).max() > 1e-3
    agree(folded, net)


def test_only_what_is_the_same_is_folded():
    images = keras.Input((8, 8, 3))
    norm = layers.BatchNormalization
    plain = norm(name="plain", scale=False)(layers.Conv2D(4, 3)(images))
    active = norm(name="active")(layers.Conv2D(4, 3, activation="relu")(images))
    read = layers.Conv2D(4, 3)(images)
    twice = norm(name="read_elsewhere")(read)
    shared = layers.Conv2D(4, 3)
    ones, others = (norm(name=n)(shared(images)) for n in ("first", "second"))
    batch = norm(name="training")(layers.Conv2D(4, 3)(images), training=True)
    outputs = layers.Add()([plain, active, read, twice, ones, others])
    net = keras.Model(images, [outputs, norm(name="of_images")(images), batch])
    folded = folds.folded(net)
    assert set(norms(net)) - set(norms(folded)) == {"plain"}
    agree(folded, net)
