"""A bundle of a small net, made by the stock converter, for the runner's tests."""

import dataclasses
import functools
import pathlib
import shutil

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import metadata

SHAPE = (16, 16, 3)
NAMES = ("p1@0.5", "p2@0.5", "full")


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
    folder = tmp_path_factory.mktemp("bundle")
    base = kd.architectures.wide_resnet(depth=10, width=1, input_shape=SHAPE)
    model = kd.SDPoint(base, ratios=(0.5,))
    nets = {name: model.at(name, copy=True, uncalibrated=True) for name in NAMES}
    data = _convert(nets, str(folder / "saved"))
    path = folder / "net.tflite"
    path.write_bytes(metadata.write_metadata(data, _fields(model.menu)))
    return SmallBundle(path, nets)


@pytest.fixture
def bundle(small, tmp_path):
    """A copy of its own, for tests that write beside it."""
    return shutil.copy(small.path, tmp_path / "net.tflite")


def _convert(nets, place):
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    spec = tf.TensorSpec((1, *SHAPE), "float32", name="images")
    for name, net in nets.items():
        archive.track(net)
        call = functools.partial(net.__call__, training=False)
        archive.add_endpoint(name, call, [spec])
    archive.write_out(place, verbose=False)
    return bytes(tf.lite.TFLiteConverter.from_saved_model(place, list(nets)).convert())


def _fields(menu):
    """Metadata as `export` writes it, with accuracies made up."""
    rows = [
        {
            "name": name,
            "signature": name,
            "settings": dict(menu[name].settings),
            "macs": menu[name].macs,
            "flops": menu[name].flops,
            "params": menu[name].params,
            "measured": {"accuracy": 0.9 + i / 100, "latency_ms": 1e-6},
        }
        for i, name in enumerate(NAMES)
    ]
    rule = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.2], "scale": 255}
    return {
        "model": "small",
        "labels": None,
        "input": {"shape": list(SHAPE), "dtype": "float32"},
        "preprocessing": rule,
        "output": {"classes": 10, "activation": "logits"},
        "precision": "float32",
        "menu": rows,
    }
