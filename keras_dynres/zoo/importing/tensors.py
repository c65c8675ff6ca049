"""Tensors of a checkpoint, and the weights of a Keras network that they are for."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import keras
import numpy as np

# What PyTorch calls a layer's weights.
NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Where Keras has each axis of a kernel: torch has outputs, inputs, height, width.
_AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,), 0: ()}


class Wanted(NamedTuple):
    """A tensor that a checkpoint has to have.

    Args:
        shape: Its shape there.
        assign: Takes the tensor; None where the network here has no such weight.
    """

    shape: tuple
    assign: Callable[[np.ndarray], None] | None


def wanted_by(
    layers: Iterable[keras.layers.Layer], prefixes: Mapping[str, str]
) -> dict[str, Wanted]:
    """The tensors of layers, by their names.

    Args:
        layers: The layers.
        prefixes: What the names of a layer's tensors begin with.
    """
    return {
        f"{prefixes[layer.name]}.{NAMES[weight.name]}": Wanted(
            torch_shape(weight.shape), into(weight)
        )
        for layer in layers
        for weight in layer.weights
    }


def torch_shape(shape: tuple) -> tuple:
    """The shape that PyTorch has of a weight.

    >>> torch_shape((3, 3, 16, 32))
    (32, 16, 3, 3)
    """
    return tuple(shape[axis] for axis in _AXES[len(shape)])


def as_keras(tensor: np.ndarray) -> np.ndarray:
    """A checkpoint's array with the axes as Keras has them."""
    return tensor.transpose(np.argsort(_AXES[tensor.ndim]))


def into(weight: keras.Variable) -> Callable[[np.ndarray], None]:
    """What gives the weight a checkpoint's array."""
    return lambda tensor: weight.assign(as_keras(tensor))
