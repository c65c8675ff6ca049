import keras
import numpy as np
import pytest

from keras_dynres.layers import StatisticsSlot


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_the_plain_layer_is_stock_and_computes_the_same(options):
    rng = np.random.default_rng(0)
    source = keras.layers.BatchNormalization(name="norm", epsilon=0.01, **options)
    source.build((None, 8, 8, 4))
    slot = StatisticsSlot.of(source, "norm_half")
    for variable in slot.weights:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    plain = slot.plain()
    plain.build((None, 8, 8, 4))
    plain.set_weights(slot.plain_weights())
    assert type(plain) is keras.layers.BatchNormalization
    assert plain.name == "norm" and plain.epsilon == 0.01
    x = rng.normal(size=(2, 8, 8, 4)).astype("float32")
    np.testing.assert_array_equal(plain(x), slot(x))
    assert plain.moving_mean is not slot.moving_mean


def test_a_slot_without_a_source_is_its_own():
    slot = StatisticsSlot(name="loaded")
    slot.build((None, 4))
    assert slot.plain().name == "loaded"
    assert len(slot.plain_weights()) == 4
