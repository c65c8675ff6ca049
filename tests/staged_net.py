"""A small network with three exits, odd in all that stages must cope with."""

import keras
import numpy as np

from keras_dynres.exits import ExitModel

SHAPE = (12, 12, 3)
L = keras.layers


class Exits(ExitModel):
    """An instance for each output of the base, and policies set by hand."""

    kept = ()

    @property
    def policies(self):
        return list(self.kept)


def base():
    """Features that skip a stage, the image needed late, names that clash.

    The second exit reads a convolution that the third stage normalises.
    """
    x = images = keras.Input(SHAPE, name="pictures")
    x = first = _conv(x, 24, "1st-conv")
    one = _head(x, "exit1")
    x = L.Conv2D(48, 3, strides=2, padding="same", name="outputs")(x)
    two = _head(x, "exit2")
    x = L.ReLU(name="relu3")(L.BatchNormalization(name="bn3")(x))
    x = L.Concatenate(name="concat")(
        [x, *(L.AveragePooling2D(2, name=f"{t.name}_half")(t) for t in (images, first))]
    )
    return keras.Model(images, [one, two, _head(_conv(x, 48, "last"), "exit3")])


def lively(model, seed=0):
    """The model with normalisation as uneven as training makes it."""
    rng = np.random.default_rng(seed)
    for layer in model.base.layers:
        if isinstance(layer, L.BatchNormalization):
            size = layer.gamma.shape
            layer.gamma.assign(rng.uniform(0.5, 1.5, size))
            layer.beta.assign(rng.normal(0, 0.2, size))
            layer.moving_mean.assign(rng.normal(0, 0.2, size))
            layer.moving_variance.assign(rng.uniform(0.5, 2, size))
    return model


def images(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype("float32")


def _conv(x, filters, name):
    x = L.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = L.BatchNormalization(name=f"{name}_bn")(x)
    return L.ReLU(name=f"{name}_relu")(x)


def _head(x, name):
    x = L.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return L.Dense(4, dtype="float32", name=f"{name}_logits")(x)
