"""An instance asked for one image at a time."""

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd


class Traced(keras.layers.Layer):
    """Notes how often it is traced."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def call(self, inputs):
        self.notes.append(tuple(inputs.shape))
        return inputs


@pytest.mark.backends
def test_a_call_for_one_image_is_traced_once_and_sees_new_weights():
    kd.cost.register(Traced)(lambda layer, before, after: (0, 0))
    x = y = keras.Input((8, 8, 3))
    traced = Traced()
    for number in (1, 2, 3):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"conv{number}")(y)
    y = keras.layers.GlobalAveragePooling2D()(traced(y))
    model = kd.SDPoint(keras.Model(x, keras.layers.Dense(2)(y)), ratios=(0.5,))
    images = contract.images(3, seed=1)[:, :8, :8]
    before = len(traced.notes)
    net = model.at("p1@0.5", uncalibrated=True)
    built = len(traced.notes) - before
    one = [net.predict_on_batch(image[None]) for image in images]
    assert len(traced.notes) - before - built == 1
    # The same function: a menu's instance is the same model each time.
    again = model.at("p1@0.5", uncalibrated=True)
    np.testing.assert_array_equal(again.predict_on_batch(images[:1]), one[0])
    kernel = model.base.layers[-1].kernel
    kernel.assign(2 * kernel)
    doubled = again.predict_on_batch(images[:1])
    assert len(traced.notes) - before - built == 1
    np.testing.assert_allclose(doubled, 2 * one[0], rtol=1e-5)
    together = again.predict(images, verbose=0)
    np.testing.assert_allclose(together, 2 * np.concatenate(one), rtol=1e-4, atol=1e-6)
