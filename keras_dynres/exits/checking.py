"""Arrays as given, checked: probabilities, labels, costs, thresholds, budgets."""

import json
import math
import numbers

import numpy as np

from keras_dynres.errors import DynresError

# Softmax in half precision over many classes is off by about a hundredth.
_SUM_TOLERANCE = 0.05


def probabilities(given):
    """The array itself, once its shape and its sums are those of probabilities."""
    given = np.asarray(given)
    if given.ndim != 3 or not given.shape[0] or not given.shape[2]:
        raise DynresError(
            "Probabilities have the shape (exits, images, classes). "
            f"Received: probabilities of shape {given.shape}."
        )
    if not given.size:
        return given
    sums = given.sum(axis=-1, dtype="float64")
    if not np.isfinite(sums).all():
        raise DynresError(
            "Probabilities are finite. "
            f"Received: {(~np.isfinite(sums)).sum()} rows with NaN or infinity."
        )
    if given.min() < 0 or abs(sums - 1).max() > _SUM_TOLERANCE:
        raise DynresError(
            "Probabilities are not negative and sum to 1 over the classes; logits go "
            f"through a softmax first. Received: sums from {sums.min():.4g} to "
            f"{sums.max():.4g}, least value {float(given.min()):.4g}."
        )
    return given


def labels(given, images, classes):
    """Class indices, one for each image."""
    given = np.asarray(given)
    if given.shape != (images,):
        raise DynresError(
            f"There is one label for each of the {images} images. "
            f"Received: labels of shape {given.shape}."
        )
    if given.dtype.kind not in "iu":
        raise DynresError(
            f"Labels are whole numbers. Received: labels of type {given.dtype}."
        )
    if images and (given.min() < 0 or given.max() >= classes):
        raise DynresError(
            f"Labels of {classes} classes lie between 0 and {classes - 1}. "
            f"Received: labels from {given.min()} to {given.max()}."
        )
    return given


def costs(given, exits=None):
    """Costs as float64, one for each exit, each above the one before."""
    given = np.asarray(given, "float64")
    if given.ndim != 1 or not len(given) or exits not in (None, len(given)):
        wanted = "exit" if exits is None else f"of the {exits} exits"
        raise DynresError(
            f"There is one cost for each {wanted}. "
            f"Received: costs of shape {given.shape}."
        )
    rising = np.diff(given, prepend=0.0) > 0
    if not (np.isfinite(given).all() and rising.all()):
        raise DynresError(
            "Costs are above 0, and each is above the one before. "
            f"Received: costs={given.tolist()}."
        )
    return given


def thresholds(given, exits):
    """Thresholds as a tuple of floats, one for each exit."""
    given = tuple(float(each) for each in given)
    if len(given) != exits:
        raise DynresError(
            f"There is one threshold for each of the {exits} exits. "
            f"Received: {len(given)} thresholds."
        )
    if not all(0 <= each <= 1 for each in given):
        raise DynresError(
            f"Thresholds lie in [0, 1]. Received: thresholds={list(given)}."
        )
    return given


def fractions(given, exits):
    """Shares of all images as a tuple of floats, one for each exit."""
    given = tuple(float(each) for each in given)
    fits = len(given) == exits and all(each >= 0 for each in given)
    if not fits or abs(sum(given) - 1) > 1e-6:
        raise DynresError(
            f"The fractions of the {exits} exits are not negative and sum to 1. "
            f"Received: fractions={list(given)}."
        )
    return given


def budget(given, over, unit="macs"):
    """A budget that lets every image reach the first exit at least."""
    if not _is_number(given):
        raise DynresError(
            f"A budget is a finite number of {unit} an image. "
            f"Received: budget={given!r}."
        )
    if given < over[0]:
        raise DynresError(
            f"No image can leave before the first exit, which costs {over[0]:g} "
            f"{unit}. Received: budget={given:g}."
        )
    return float(given)


def number(given, name, low, high):
    """A number between two others; a millionth beyond them is rounding."""
    slack = 1e-6 * (abs(low) + abs(high))
    if not _is_number(given) or not low - slack <= given <= high + slack:
        raise DynresError(
            f"{name} lies between {low:g} and {high:g}. Received: {name}={given!r}."
        )
    return float(given)


def interval(given, low, high):
    """Two numbers in order, between two others."""
    given = tuple(number(end, "interval", low, high) for end in given)
    if len(given) != 2 or given[0] > given[1]:
        raise DynresError(
            f"An interval is a low and a high number. Received: interval={given}."
        )
    return given


def held_out(given):
    """What is said of the held-out images: how many at least."""
    given = dict(given)
    if not isinstance(given.get("count"), int) or given["count"] < 1:
        raise DynresError(
            "held_out holds the count of the images, and how they were held out. "
            f"Received: held_out={given}."
        )
    try:
        json.dumps(given)
    except (TypeError, ValueError) as error:
        raise DynresError(
            f"held_out goes into a JSON file. Received: held_out={given}."
        ) from error
    return given


def exit_probability(given):
    """The q of a geometric policy, or None."""
    if given is not None and not (_is_number(given) and given <= 1):
        raise DynresError(f"q is at most 1, or None. Received: q={given!r}.")
    return given


def names(given, exits):
    """Names as a tuple, one for each exit."""
    given = tuple(map(str, given))
    if len(given) != exits or len(set(given)) != exits:
        raise DynresError(
            f"There is one name for each of the {exits} exits. "
            f"Received: exits={list(given)}."
        )
    return given


def one_of(given, name, offered):
    """Refuses a word that is not offered."""
    if given not in offered:
        raise DynresError(
            f"{name} is {' or '.join(map(repr, offered))}. Received: {name}={given!r}."
        )


def measured(given, name):
    """Rows of measured figures, each with its cost and its accuracy."""
    rows = tuple(dict(row) for row in given)
    for row in rows:
        if not _is_number(row.get("cost")) or not _is_number(row.get("accuracy")):
            raise DynresError(
                f"Each row of {name} holds a cost and an accuracy. Received: {row}."
            )
    return rows


def _is_number(given):
    return isinstance(given, numbers.Real) and math.isfinite(given)
