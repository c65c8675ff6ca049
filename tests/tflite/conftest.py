"""A bundle of a small net, for the tests of what runs bundles."""

import dataclasses
import pathlib
import shutil

import keras
import numpy as np
import pytest

import keras_dynres as kd

SHAPE = (16, 16, 3)
NAMES = ("p1@0.5", "p2@0.5", "full")
PREPROCESSING = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.2], "scale": 255}


@dataclasses.dataclass
class SmallBundle:
    path: pathlib.Path
    nets: dict  # the Keras model of each instance
    names: tuple = NAMES
    shape: tuple = SHAPE

    def images(self, count):
        """Normalised images."""
        return np.random.default_rng(0).standard_normal((count, *SHAPE), "float32")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("bundle") / "net.tflite"
    base = kd.architectures.wide_resnet(depth=10, width=1, input_shape=SHAPE)
    model = kd.SDPoint(base, ratios=(0.5,))
    noise = np.random.default_rng(1).standard_normal((16, *SHAPE), "float32")
    model.calibrate(noise, instances=list(NAMES), verbose=0)
    for i, name in enumerate(NAMES):  # made up, to tell them apart
        model.menu.record(name, accuracy=0.9 + i / 100, latency_ms=1e-6)
    kd.tflite.export(
        model, path, instances=NAMES, preprocessing=PREPROCESSING, verbose=0
    )
    return SmallBundle(path, {name: model.at(name) for name in NAMES})


@pytest.fixture
def bundle(small, tmp_path):
    """A copy of its own, for tests that write beside it."""
    return shutil.copy(small.path, tmp_path / "net.tflite")
