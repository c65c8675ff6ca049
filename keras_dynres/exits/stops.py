"""Stopped by an event: how likely after which exit, and what accuracy to expect."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import checks

KINDS = ("uniform", "exponential", "normal")


def budget_distribution(kind: str | Sequence[float], costs: ArrayLike) -> np.ndarray:
    """How likely a forced stop comes after each exit.

    The stop comes once B of cost was spent, and the answer is the last exit's that
    was reached: exit k's when C_k <= B < C_(k+1). Where B is below the first exit's
    cost there is no answer; the probabilities are those of the other cases, and sum
    to 1. With C_1 and C_K the first and the last exit's cost, B is

    - `"uniform"`: even from C_1 to as far beyond C_K as C_K is beyond the exit before
      it. Exits at even distances are equally likely.
    - `"exponential"`: of mean (C_1 + C_K) / 2, as when the event is a Poisson
      process's first. All beyond C_K counts for the last exit.
    - `"normal"`: of mean (C_1 + C_K) / 2 and standard deviation (C_K - C_1) / 4. All
      beyond C_K counts for the last exit.

    Args:
        kind: One of these, or a weight for each exit, not negative.
        costs: Cost of an image that leaves at each exit, increasing.

    Returns:
        An array of the exits' probabilities.

    Example:

    >>> kd.exits.budget_distribution("uniform", [10, 20, 30, 40])
    array([0.25, 0.25, 0.25, 0.25])
    >>> kd.exits.budget_distribution([1, 1, 2], [10, 20, 30])
    array([0.25, 0.25, 0.5 ])
    """
    costs = checks.costs(costs)
    if not isinstance(kind, str):
        weights = np.asarray(kind, "float64")
        fits = weights.shape == costs.shape and np.isfinite(weights).all()
        if not fits or weights.min() < 0 or not weights.sum():
            raise DynresError(
                f"There is one weight for each of the {len(costs)} exits, none below "
                f"0 and not all 0. Received: kind={kind}."
            )
        return weights / weights.sum()
    one_of("distribution of stops", kind, KINDS)
    if len(costs) == 1:
        return np.ones(1)
    below = np.append(_below(kind, costs), 1.0)
    return np.diff(below) / (1 - below[0])


def expected_accuracy(accuracies: ArrayLike, weights: ArrayLike) -> float:
    """Mean accuracy when a stop may come after any exit.

    Args:
        accuracies: Accuracy of each exit.
        weights: How likely the stop comes after each, as `budget_distribution` says.

    Returns:
        A float.

    Example:

    >>> kd.exits.expected_accuracy([0.5, 0.75], [0.5, 0.5])
    0.625
    """
    accuracies = np.asarray(accuracies, "float64")
    weights = np.asarray(weights, "float64")
    fits = accuracies.ndim == 1 and accuracies.shape == weights.shape
    if not fits or weights.min() < 0 or abs(weights.sum() - 1) > 1e-6:
        raise DynresError(
            "There is one probability for each exit, and they sum to 1. "
            f"Received: accuracies={accuracies.tolist()}, weights={weights.tolist()}."
        )
    return float(accuracies @ weights)


def exit_weights(
    asked: str | Sequence[float], costs: Sequence[float]
) -> tuple[float, ...]:
    """What each exit's loss counts in training; see `ExitModel`'s `exit_weights`."""
    count = len(costs)
    if isinstance(asked, str):
        if asked == "uniform":
            return (1.0,) * count
        return tuple(count * float(p) for p in budget_distribution(asked, costs))
    weights = tuple(map(float, asked))
    if len(weights) != count or min(weights) < 0 or not sum(weights):
        raise DynresError(
            f"exit_weights holds a number from 0 for each of the {count} exits. "
            f"Received: exit_weights={asked}."
        )
    return weights


def _below(kind: str, costs: np.ndarray) -> np.ndarray:
    """Probability that B is below each exit's cost."""
    first, last = costs[[0, -1]]
    middle = (first + last) / 2
    if kind == "uniform":
        return (costs - first) / (2 * last - costs[-2] - first)
    if kind == "exponential":
        return -np.expm1(-costs / middle)
    scaled = (costs - middle) / ((last - first) / 4)
    return np.array([(1 + math.erf(z / math.sqrt(2))) / 2 for z in scaled])
