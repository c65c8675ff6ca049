"""Checks of arrays and figures: probabilities, labels, costs, thresholds, budgets."""

import json
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError

# Softmax in half precision over many classes is off by about a hundredth.
_SUM_TOLERANCE = 0.05


def probabilities(values: ArrayLike) -> np.ndarray:
    """The array itself, once its shape and its sums are those of probabilities."""
    values = np.asarray(values)
    if values.ndim != 3 or not values.shape[0] or not values.shape[2]:
        raise DynresError(
            "Probabilities have the shape (exits, images, classes). "
            f"Received: probabilities of shape {values.shape}."
        )
    if not values.size:
        return values
    sums = values.sum(axis=-1, dtype="float64")
    if not np.isfinite(sums).all():
        raise DynresError(
            "Probabilities are finite. "
            f"Received: {(~np.isfinite(sums)).sum()} rows with NaN or infinity."
        )
    if values.min() < 0 or abs(sums - 1).max() > _SUM_TOLERANCE:
        raise DynresError(
            "Probabilities are not negative and sum to 1 over the classes; logits go "
            f"through a softmax first. Received: sums from {sums.min():.4g} to "
            f"{sums.max():.4g}, least value {float(values.min()):.4g}."
        )
    return values


def labels(values: ArrayLike, images: int, classes: int) -> np.ndarray:
    """Class indices, one for each image."""
    values = np.asarray(values)
    if values.shape != (images,):
        raise DynresError(
            f"There is one label for each of the {images} images. "
            f"Received: labels of shape {values.shape}."
        )
    if values.dtype.kind not in "iu":
        raise DynresError(
            f"Labels are whole numbers. Received: labels of type {values.dtype}."
        )
    if images and (values.min() < 0 or values.max() >= classes):
        raise DynresError(
            f"Labels of {classes} classes lie between 0 and {classes - 1}. "
            f"Received: labels from {values.min()} to {values.max()}."
        )
    return values


def labelled(said: ArrayLike, answers: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and the labels of their images, of which there is one at least."""
    said = probabilities(said)
    _, images, classes = said.shape
    if not images:
        raise DynresError("Accuracy needs an image at least. Received: no images.")
    return said, labels(answers, images, classes)


def costs(values: ArrayLike, exits: int | None = None) -> np.ndarray:
    """Costs as float64, one for each exit, each above the one before."""
    values = np.asarray(values, "float64")
    if values.ndim != 1 or not len(values) or exits not in (None, len(values)):
        wanted = "exit" if exits is None else f"of the {exits} exits"
        raise DynresError(
            f"There is one cost for each {wanted}. "
            f"Received: costs of shape {values.shape}."
        )
    rising = np.diff(values, prepend=0.0) > 0
    if not (np.isfinite(values).all() and rising.all()):
        raise DynresError(
            "Costs are above 0, and each is above the one before. "
            f"Received: costs={values.tolist()}."
        )
    return values


def thresholds(values: Iterable[float], exits: int) -> tuple[float, ...]:
    """Thresholds as a tuple of floats, one for each exit."""
    values = tuple(map(float, values))
    if len(values) != exits:
        raise DynresError(
            f"There is one threshold for each of the {exits} exits. "
            f"Received: {len(values)} thresholds."
        )
    if not all(0 <= value <= 1 for value in values):
        raise DynresError(
            f"Thresholds lie in [0, 1]. Received: thresholds={list(values)}."
        )
    return values


def fractions(values: Iterable[float], exits: int) -> tuple[float, ...]:
    """Shares of all images as a tuple of floats, one for each exit."""
    values = tuple(map(float, values))
    fits = len(values) == exits and all(value >= 0 for value in values)
    if not fits or abs(sum(values) - 1) > 1e-6:
        raise DynresError(
            f"The fractions of the {exits} exits are not negative and sum to 1. "
            f"Received: fractions={list(values)}."
        )
    return values


def budget(value: float, over: Sequence[float], unit: str = "macs") -> float:
    """A budget that lets every image reach the first exit at least."""
    if not _is_number(value):
        raise DynresError(
            f"A budget is a finite number of {unit} an image. "
            f"Received: budget={value!r}."
        )
    if value < over[0]:
        raise DynresError(
            f"No image can leave before the first exit, which costs {over[0]:g} "
            f"{unit}. Received: budget={value:g}."
        )
    return float(value)


def number(value: float, name: str, low: float, high: float) -> float:
    """A number between two others; a millionth beyond them is rounding."""
    slack = 1e-6 * (abs(low) + abs(high))
    if not _is_number(value) or not low - slack <= value <= high + slack:
        raise DynresError(
            f"{name} lies between {low:g} and {high:g}. Received: {name}={value!r}."
        )
    return float(value)


def interval(ends: Iterable[float], low: float, high: float) -> tuple[float, float]:
    """Two numbers in order, between two others."""
    ends = tuple(number(end, "interval", low, high) for end in ends)
    if len(ends) != 2 or ends[0] > ends[1]:
        raise DynresError(
            f"An interval is a low and a high number. Received: interval={ends}."
        )
    return ends


def points(count: int) -> int:
    """How many points a curve has."""
    if count < 2:
        raise DynresError(f"A curve has 2 points at least. Received: points={count}.")
    return count


def held_out(facts: Mapping) -> dict:
    """What is said of the held-out images: how many at least."""
    facts = dict(facts)
    if not isinstance(facts.get("count"), int) or facts["count"] < 1:
        raise DynresError(
            "held_out holds the count of the images, and how they were held out. "
            f"Received: held_out={facts}."
        )
    try:
        json.dumps(facts)
    except (TypeError, ValueError) as error:
        raise DynresError(
            f"held_out goes into a JSON file. Received: held_out={facts}."
        ) from error
    return facts


def exit_probability(q: float | None) -> float | None:
    """The q of a geometric policy, or None."""
    if q is not None and not (_is_number(q) and q <= 1):
        raise DynresError(f"q is at most 1, or None. Received: q={q!r}.")
    return q


def names(values: Iterable[str], exits: int) -> tuple[str, ...]:
    """Names as a tuple, one for each exit."""
    values = tuple(map(str, values))
    if len(values) != exits or len(set(values)) != exits:
        raise DynresError(
            f"There is one name for each of the {exits} exits. "
            f"Received: exits={list(values)}."
        )
    return values


def measured(rows: Iterable[Mapping], name: str) -> tuple[dict, ...]:
    """Rows of measured figures, each with its cost and its accuracy."""
    rows = tuple(dict(row) for row in rows)
    for row in rows:
        if not _is_number(row.get("cost")) or not _is_number(row.get("accuracy")):
            raise DynresError(
                f"Each row of {name} holds a cost and an accuracy. Received: {row}."
            )
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)
