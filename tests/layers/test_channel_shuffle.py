import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import cost
from keras_dynres.layers import ChannelShuffle


@pytest.mark.backends
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_channels_are_taken_from_each_group_in_turn(groups):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 6)).astype("float32")
    width = 6 // groups
    dealt = [x[..., group * width + i] for i in range(width) for group in range(groups)]
    np.testing.assert_array_equal(ChannelShuffle(groups)(x), np.stack(dealt, -1))


@pytest.mark.backends
def test_one_layer_serves_every_size():
    images = keras.Input((None, None, 4))
    model = keras.Model(images, ChannelShuffle()(images))
    assert model.output.shape == (None, None, None, 4)
    for size in (2, 5):
        x = np.arange(size * 12, dtype="float32").reshape(1, size, 3, 4)
        shuffled = model.predict_on_batch(x)
        np.testing.assert_array_equal(shuffled, x[..., [0, 2, 1, 3]])


def test_shuffling_is_free():
    images = keras.Input((5, 3, 4))
    assert cost.count(keras.Model(images, ChannelShuffle()(images))).flops == 0


def test_config_brings_the_layer_back():
    layer = ChannelShuffle(3, name="mine")
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (twin.groups, twin.name) == (3, "mine")


@pytest.mark.parametrize("groups", [0, 1.5, "two"])
def test_groups_must_be_a_whole_number(groups):
    with pytest.raises(kd.DynresError, match=f"whole number from 1.*{groups}"):
        ChannelShuffle(groups)


def test_groups_must_divide_the_channels():
    with pytest.raises(kd.DynresError, match="6 channels .* Received: groups=4"):
        ChannelShuffle(4)(np.zeros((1, 2, 2, 6), "float32"))
