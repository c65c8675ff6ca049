"""The small network that names an instance for an image, and what it learns from."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.errors import DynresError


def last_features(model: keras.Model) -> Any:
    """The last feature map of a graph that all its paths pass through."""
    maps = [
        call.outputs[0]
        for call in graph.bottlenecks(model)
        if len(call.outputs[0].shape) == 4
    ]
    if not maps:
        raise DynresError(f"{model.name!r} has no feature map that all paths meet in.")
    # A pooling that keeps its axes stands behind the last.
    return next((m for m in reversed(maps) if m.shape[1:3] != (1, 1)), maps[-1])


def controller(shape: Sequence[int], choices: int, width: int) -> keras.Model:
    """Three convolutions, pooling over the image and softmax.

    Args:
        shape: Shape of a feature map.
        choices: How many instances there are to choose from.
        width: Channels of the first two convolutions.

    Returns:
        A functional `keras.Model` from feature maps to shares.

    Example:

    >>> controller((4, 4, 64), choices=3, width=16).output.shape
    (None, 3)
    """
    layers = keras.layers
    x = features = keras.Input(shape, name="features")
    x = layers.Conv2D(width, 1, activation="relu", name="conv1")(x)
    x = layers.Conv2D(width, 3, padding="same", activation="relu", name="conv2")(x)
    x = layers.Conv2D(choices, 1, name="conv3")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(features, layers.Softmax(name="shares")(x), name="controller")


def pick(
    shares: np.ndarray, costs: Sequence[float], price: float | None = None
) -> np.ndarray:
    """The instance each image is given.

    The controller's shares add up: what it says of an instance and all cheaper ones is
    how likely that instance is right.

    >>> shares = np.array([[0.6, 0.4], [0.9, 0.1]])
    >>> pick(shares, [0, 1]), pick(shares, [0, 1], price=0.2)
    (array([0, 0]), array([1, 0]))

    Args:
        shares: The controller's output, an image a row.
        costs: What each instance costs beyond what every image is given.
        price: How much likelier to be right a unit of cost has to make an instance;
            None names the instance of the largest share.
    """
    if price is None:
        return np.argmax(shares, axis=1)
    return np.argmax(np.cumsum(shares, axis=1) - price * np.asarray(costs), axis=1)


def price_for(shares: np.ndarray, costs: Sequence[float], budget: float) -> float:
    """The least price at which the mean image costs at most the budget.

    >>> shares = np.array([[0.6, 0.4], [0.9, 0.1]])
    >>> round(float(price_for(shares, [0, 1], budget=0.5)), 3)
    0.1

    Args:
        shares: The controller's output, an image a row.
        costs: As in `pick`; the first is 0.
        budget: What the mean image may cost.
    """
    costs = np.asarray(costs, "float64")
    # At the higher price all images are the first instance's.
    low, high = 0.0, 1 / costs[1:].min() + 1
    if costs[pick(shares, costs, low)].mean() <= budget:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        fits = costs[pick(shares, costs, middle)].mean() <= budget
        low, high = (low, middle) if fits else (middle, high)
    return high


def cheapest_right(right: np.ndarray) -> np.ndarray:
    """For each image the first instance that is right, or the first where none is.

    >>> cheapest_right(np.array([[False, True, True], [False, False, False]]))
    array([1, 0])

    Args:
        right: Whether each image (row) is right under each instance, cheapest first.
    """
    return np.argmax(right, axis=1)
