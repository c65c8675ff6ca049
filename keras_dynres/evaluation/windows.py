"""A map of a picture of any size, from a network of one size: window by window."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError
from keras_dynres.evaluation.outputs import part_of


def windows(
    model: Callable,
    image: ArrayLike,
    size: tuple[int, int] | None = None,
    overlap: float = 0.5,
    output: str | int | None = None,
    batch_size: int = 4,
) -> np.ndarray:
    """The logits of a picture of any size, averaged where windows overlap.

    The windows are spread evenly, the first at the upper left corner and the last at
    the lower right. A picture smaller than a window is filled up with zeros, the mean
    colour of standardised images, and what the filling gives is cut away.

    Args:
        model: A `keras.Model` from images of one size to maps of logits as large, or
            any function of a batch.
        image: Pixels as the model takes them, `(height, width, channels)`.
        size: Height and width of a window; by default those of the model's input.
        overlap: Least share of a window's height and width that the next one covers
            again, from 0 to below 1.
        output: Which of the model's outputs is meant, where it has several.
        batch_size: Windows that the model is given at once; the last batch is filled
            up, so that nothing is traced anew.

    Returns:
        `(height, width, classes)`, in float32.

    Example:

    >>> doubled = windows(lambda x: 2 * x, np.ones((5, 7, 3)), size=(4, 4))
    >>> doubled.shape, float(doubled.min()), float(doubled.max())
    ((5, 7, 3), 2.0, 2.0)
    """
    image = np.asarray(image, "float32")
    if image.ndim != 3 or 0 in image.shape:
        raise DynresError(
            "Windows are cut from one picture, (height, width, channels). "
            f"Received: an array of shape {image.shape}"
        )
    if not 0 <= overlap < 1:
        raise DynresError(
            f"overlap is at least 0 and below 1. Received: overlap={overlap}"
        )
    if batch_size < 1:
        raise DynresError(
            f"batch_size is at least 1. Received: batch_size={batch_size}"
        )
    height, width = _size(model, size)
    whole = image.shape[:2]
    missing = [max(n - have, 0) for n, have in zip((height, width), whole, strict=True)]
    image = np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)])
    corners = [
        (top, left)
        for top in _starts(image.shape[0], height, overlap)
        for left in _starts(image.shape[1], width, overlap)
    ]
    total, times = None, np.zeros((*image.shape[:2], 1), "float32")
    for start in range(0, len(corners), batch_size):
        some = corners[start : start + batch_size]
        cut = [image[top : top + height, left : left + width] for top, left in some]
        filled = np.stack(cut + cut[-1:] * (batch_size - len(cut)))
        maps = np.asarray(part_of(_answers(model, filled), output), "float32")
        if maps.ndim != 4 or maps.shape[1:3] != (height, width):
            raise DynresError(
                f"The model gives a map of each window's {height} x {width} pixels. "
                f"Received: an output of shape {maps.shape}"
            )
        if total is None:
            total = np.zeros((*image.shape[:2], maps.shape[-1]), "float32")
        for (top, left), logits in zip(some, maps, strict=False):
            area = np.s_[top : top + height, left : left + width]
            total[area] += logits
            times[area] += 1
    return (total / times)[: whole[0], : whole[1]]


def _size(model: Any, size: Any) -> tuple[int, int]:
    if size is None:
        size = getattr(model, "input_shape", (None, None, None))[1:3]
        if None in size:
            raise DynresError(
                "The model says no size of its images, so say that of the windows. "
                "Received: size=None"
            )
    height, width = (int(n) for n in size)
    if height < 1 or width < 1:
        raise DynresError(f"size is a height and a width. Received: size={size!r}")
    return height, width


def _starts(length: int, window: int, overlap: float) -> list[int]:
    """Where windows begin, spread evenly from the first pixel to the last."""
    step = max(int(window * (1 - overlap)), 1)
    count = math.ceil((length - window) / step) + 1
    places = np.linspace(0, length - window, count)
    return [int(place) for place in np.floor(places)]


def _answers(model: Any, images: np.ndarray) -> Any:
    if hasattr(model, "predict_on_batch"):
        return model.predict_on_batch(images)
    return model(images)
