"""Trained networks: a run of `keras-dynres train`, or a name of the zoo."""

import dataclasses
import pathlib

import keras
import numpy as np

import keras_dynres as kd
from keras_dynres.core.batches import batches
from keras_dynres.zoo import runs


def trained(where):
    """The network's description and its `DynamicModel`."""
    path = pathlib.Path(where)
    if path.is_dir():
        return runs.read(path).network, keras.saving.load_model(path / runs.MODEL)
    return kd.zoo.card(where).network, kd.zoo.load(where)


def test_images(network, data_dir, limit, size=None):
    """Images and labels of its test split, at another size if one is given."""
    images = network.images
    images = dataclasses.replace(images, size=size or images.size)
    data = batches(kd.data.load(images, "test", data_dir), limit=limit)
    return tuple(np.concatenate(parts) for parts in zip(*data, strict=True))


def accuracy(net, images, labels):
    """The share of images that a plain `keras.Model` gets right."""
    answers = net.predict(images, 128, verbose=0).argmax(-1)
    return float((answers == labels).mean())


def spread(limit):
    """How far an accuracy over so many images is known."""
    return (
        "One training each: an accuracy of 80 % is known to about "
        f"±{100 * (0.16 / limit) ** 0.5:.1f}."
    )


def said(where):
    """A run as it is named wherever its folder lies, or the name of the zoo."""
    path = pathlib.Path(where)
    return f"runs/{path.name}" if path.is_dir() else where
