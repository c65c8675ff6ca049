"""Layers that compute with copies of their weights, wherever these are assigned."""

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd


def normalised(mean):
    """A network like EfficientNet, whose images are normalised by weights."""
    x = keras.Input((16, 16, 3))
    norm = keras.layers.Normalization(name="norm")
    y = norm(x)
    norm.load_own_variables({"0": [mean] * 3, "1": [4.0] * 3, "2": 1})
    for number in (1, 2):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"conv{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = keras.layers.GlobalAveragePooling2D(name="pool")(y)
    y = keras.layers.Dense(4, name="logits")(y)
    return kd.SDPoint(keras.Model(x, y), ratios=[0.5], points=["relu1"])


@pytest.fixture
def model():
    return normalised(mean=3.0)


def test_a_copy_normalises_as_the_original(model):
    x = contract.images()
    copy = model.at("full", copy=True)
    np.testing.assert_allclose(copy(x), model.at("full")(x), atol=1e-6)


def test_weights_of_a_file_do_too(model, tmp_path):
    x = contract.images()
    kd.zoo.weights.save(model, tmp_path / "net.npz")
    other = normalised(mean=0.0)
    assert np.abs(other.at("full")(x) - model.at("full")(x)).max() > 1e-3
    kd.zoo.weights.load(other, tmp_path / "net.npz")
    np.testing.assert_allclose(other.at("full")(x), model.at("full")(x), atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_bundle_does_too(model, tmp_path, precision):
    path = tmp_path / "net.tflite"
    report = kd.tflite.export(model, path, precision=precision)
    assert max(check.error for check in report.signatures.values()) < 1e-3
