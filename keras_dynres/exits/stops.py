"""Stopped by an event: how likely after which exit, and what accuracy to expect."""

import math
import numbers
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import checks

# What a distribution may be told beside its kind, as shares of the last exit's cost.
KINDS = {
    "uniform": (),
    "exponential": ("mean",),
    "normal": ("mean", "deviation"),
}


def budget_distribution(
    kind: str | Mapping | Sequence[float], costs: ArrayLike
) -> np.ndarray:
    """How likely a forced stop comes after each exit.

    The stop comes once B of cost was spent, and the answer is the last exit's that
    was reached: exit k's when C_k <= B < C_(k+1), and the last one's until as far
    beyond C_K as C_K is beyond the exit before it. Where B is below the first exit's
    cost there is no answer, and where it is beyond that end the net was not stopped:
    the probabilities are those of the other cases, and sum to 1. B is

    - `"uniform"`: anything alike. Exits at even distances are equally likely.
    - `"exponential"`: of a mean, by default (C_1 + C_K) / 2, as when the event is a
      Poisson process's first. Of exits at even distances each is less likely than the
      one before, by one ratio.
    - `"normal"`: of a mean, by default (C_1 + C_K) / 2, and a standard deviation, by
      default (C_K - C_1) / 4.

    Args:
        kind: One of these; or a dict of its `"kind"`, its `"mean"` and, for
            `"normal"`, its `"deviation"`, in shares of the last exit's cost; or a
            weight for each exit, not negative.
        costs: Cost of an image that leaves at each exit, increasing.

    Returns:
        An array of the exits' probabilities.

    Example:

    >>> kd.exits.budget_distribution("uniform", [10, 20, 30, 40])
    array([0.25, 0.25, 0.25, 0.25])
    >>> early = {"kind": "exponential", "mean": 0.25}
    >>> kd.exits.budget_distribution(early, [10, 20, 30, 40]).round(2)
    array([0.64, 0.24, 0.09, 0.03])
    >>> kd.exits.budget_distribution([1, 1, 2], [10, 20, 30])
    array([0.25, 0.25, 0.5 ])
    """
    costs = checks.costs(costs)
    if isinstance(kind, str):
        kind = {"kind": kind}
    if isinstance(kind, Mapping):
        return _stops(_checked(kind), costs)
    weights = np.asarray(kind, "float64")
    fits = weights.shape == costs.shape and np.isfinite(weights).all()
    if not fits or weights.min() < 0 or not weights.sum():
        raise DynresError(
            f"There is one weight for each of the {len(costs)} exits, none below "
            f"0 and not all 0. Received: kind={kind}."
        )
    return weights / weights.sum()


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
    asked: str | Mapping | Sequence[float], costs: Sequence[float]
) -> tuple[float, ...]:
    """What each exit's loss counts in training; see `ExitModel`'s `exit_weights`."""
    count = len(costs)
    if isinstance(asked, str) and asked == "uniform":
        return (1.0,) * count
    if isinstance(asked, (str, Mapping)):
        return tuple(count * float(p) for p in budget_distribution(asked, costs))
    weights = tuple(map(float, asked))
    if len(weights) != count or min(weights) < 0 or not sum(weights):
        raise DynresError(
            f"exit_weights holds a number from 0 for each of the {count} exits. "
            f"Received: exit_weights={asked}."
        )
    return weights


def _checked(asked: Mapping) -> Mapping:
    """A distribution's kind and shares, once they are such."""
    kind = one_of("distribution of stops", asked.get("kind"), KINDS)
    for name in set(asked) - {"kind"}:
        one_of(f"figure of {kind!r} stops", name, KINDS[kind])
        share = asked[name]
        if not isinstance(share, numbers.Real) or not 0 < share < math.inf:
            raise DynresError(
                f"The {name} of stops is above 0, in shares of the last exit's cost. "
                f"Received: {dict(asked)}."
            )
    return asked


def _stops(asked: Mapping, costs: np.ndarray) -> np.ndarray:
    """The probabilities of the exits that B stops at."""
    if len(costs) == 1:
        return np.ones(1)
    first, last = costs[[0, -1]]
    ends = np.append(costs, 2 * last - costs[-2])
    mean = last * asked.get("mean", (1 + first / last) / 2)
    if asked["kind"] == "uniform":
        shares = np.diff(ends)
    elif asked["kind"] == "exponential":
        # From the first exit on: what came before is left out whatever it was.
        shares = -np.diff(np.exp(-(ends - first) / mean))
    else:
        share = asked.get("deviation", (1 - first / last) / 4)
        scaled = (ends - mean) / (last * share * math.sqrt(2))
        shares = np.diff([math.erf(z) for z in scaled])
    if not shares.sum():
        raise DynresError(
            f"No stop falls among exits of cost {costs.tolist()}. "
            f"Received: {dict(asked)}."
        )
    return shares / shares.sum()
