"""A map in the size of another."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.layers import ResizeLike

pytestmark = pytest.mark.backends


def test_nearest_of_a_double_size_repeats():
    coarse = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    fine = np.asarray(ResizeLike("nearest")([coarse, np.zeros((2, 6, 8, 1))]))
    np.testing.assert_array_equal(fine, coarse.repeat(2, axis=1).repeat(2, axis=2))


def test_bilinear_is_that_of_keras():
    coarse = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    fine = ResizeLike()([coarse, np.zeros((2, 7, 9, 1))])
    stock = keras.layers.Resizing(7, 9)(coarse)
    np.testing.assert_allclose(np.asarray(fine), np.asarray(stock), atol=1e-6)


def test_a_map_of_that_size_is_given_as_it_is():
    image = keras.Input((6, 8, 3))
    assert ResizeLike()([image, keras.Input((6, 8, 1))]).shape == (None, 6, 8, 3)
    map_ = np.random.default_rng(0).normal(size=(1, 6, 8, 3)).astype("float32")
    np.testing.assert_array_equal(np.asarray(ResizeLike()([map_, map_])), map_)


def test_an_unknown_interpolation_names_the_nearest():
    with pytest.raises(kd.DynresError, match="Did you mean 'nearest'"):
        ResizeLike("nearst")


def test_a_pyramid_costs_what_its_graph_costs():
    """Maps of several stages meet, whatever size each was given."""
    layers = keras.layers
    net = kd.architectures.resnet(14, (64, 64, 3), None, "imagenet", (4, 6, 8))
    fine, coarse = (net.get_layer(f"stage{i}_block2_relu").output for i in (2, 3))
    fine = layers.Conv2D(4, 1, name="lateral2")(fine)
    coarse = layers.Conv2D(4, 1, name="lateral3")(coarse)
    up = ResizeLike("nearest", name="up")([coarse, fine])
    x = layers.Conv2D(8, 3, name="merged")(layers.Add(name="merge")([fine, up]))
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    model = kd.Resizable(keras.Model(net.input, pooled), scales=[0.5, 1.0])
    for name in model.instances:
        counted = kd.cost.count(model.at(name, uncalibrated=True))
        assert model.menu[name].macs == counted.macs
