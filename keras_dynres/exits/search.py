"""Shares of the images searched for accuracy, exit by exit."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.exits.fitting import Outcomes, assign, first_sure, midway

_PAIRS = 4  # of halves; more of each of these gained nothing on images apart
_DEPTH = 4  # stops between stops
_ROUNDS = 3  # of a climb


@dataclasses.dataclass(frozen=True)
class _Stop:
    """A point of a path: the shares, and what they are worth."""

    cost: float
    accuracy: float
    shares: np.ndarray


def searched(seen: Outcomes, budgets: Sequence[float]) -> list[tuple[None, np.ndarray]]:
    """`(None, shares)` of each budget; see `solve`."""
    paths = [_path(half) for half in _halves(seen)]
    shares = np.mean([_along(path, budgets) for path in paths], axis=0)
    return [(None, row) for row in shares]


def _halves(seen: Outcomes) -> Iterator[Outcomes]:
    """Random halves of the images, each beside its other half."""
    random = np.random.default_rng(0)
    for _ in range(_PAIRS):
        order = random.permutation(seen.images)
        yield from (seen.part(half) for half in np.array_split(order, 2) if len(half))


def _along(path: Sequence[_Stop], budgets: Sequence[float]) -> np.ndarray:
    """Shares for each budget, mixed from the path's two neighbours."""
    costs = [stop.cost for stop in path]
    columns = np.transpose([stop.shares for stop in path])
    return np.transpose([np.interp(budgets, costs, column) for column in columns])


def _path(seen: Outcomes) -> list[_Stop]:
    """Stops of rising cost from the first exit to the last."""
    ends = np.eye(len(seen.costs))[[0, -1]]
    accuracies = seen.correct[[0, -1]].mean(axis=1)
    first, last = map(_Stop, seen.costs[[0, -1]], accuracies, ends)
    # Where late exits unlearn, the slope from end to end misses the summit.
    summit = _stop(seen, 0.0, np.full(len(seen.costs), 1 / len(seen.costs)))
    inside = first.cost < summit.cost < last.cost
    if inside and summit.accuracy >= accuracies.max():
        return [first, *_between(seen, first, summit, _DEPTH), summit, last]
    return [first, *_between(seen, first, last, _DEPTH), last]


def _between(seen: Outcomes, low: _Stop, high: _Stop, depth: int) -> list[_Stop]:
    """Stops between two, each above the straight line of its neighbours."""
    rise = high.accuracy - low.accuracy
    if not depth or rise <= 0:
        return []
    price = rise / (high.cost - low.cost)
    stop = _stop(seen, price, (low.shares + high.shares) / 2)
    gained = stop.accuracy - low.accuracy - price * (stop.cost - low.cost)
    if not low.cost < stop.cost < high.cost or gained <= 1e-12:
        return []
    before = _between(seen, low, stop, depth - 1)
    return [*before, stop, *_between(seen, stop, high, depth - 1)]


def _stop(seen: Outcomes, price: float, shares: np.ndarray) -> _Stop:
    """The stop that climbing for a price leads to, from where `shares` leave."""
    thresholds = climb(seen, price, assign(seen.confidences, shares))
    exits, correct, costs = seen.under(thresholds)
    left = np.bincount(exits, minlength=len(seen.costs)) / seen.images
    return _Stop(costs.mean(), correct.mean(), left)


def climb(seen: Outcomes, price: float, thresholds: ArrayLike) -> np.ndarray:
    """Thresholds raised and lowered while accuracy less price times cost rises.

    Args:
        seen: `Outcomes`.
        price: What a unit of cost is worth in accuracy.
        thresholds: Where to start.

    Returns:
        An array of thresholds. No other value of any one of them does better, unless
        the rounds allowed were too few.
    """
    thresholds = np.array(thresholds, "float64")
    value = seen.correct - price * seen.costs[:, None]
    for _ in range(_ROUNDS):
        before = thresholds.copy()
        reached = first_sure(seen.confidences, thresholds)
        # What each image is worth that stays, by the thresholds of the exits to come.
        later = value[-1]
        for k in reversed(range(len(thresholds) - 1)):
            here = seen.surest_first[k]
            here = here[reached[here] >= k]
            if len(here):
                gains = (value[k] - later)[here]
                thresholds[k] = _cut(seen.confidences[k][here], gains)
            leave = seen.confidences[k] >= thresholds[k]
            later = np.where(leave, value[k], later)
        if np.array_equal(before, thresholds):
            break
    return thresholds


def _cut(confidences: np.ndarray, gains: np.ndarray) -> float:
    """The threshold that lets the most gain leave; confidences fall."""
    totals = np.cumsum(gains)
    ends = np.append(confidences[1:] < confidences[:-1], True)
    last = int(np.where(ends, totals, -np.inf).argmax())
    # No threshold keeps an image whose probability is 1.
    if totals[last] <= 0 and confidences[0] < 1:
        return 1.0
    if last + 1 == len(confidences):
        return 0.0
    return midway(confidences[last + 1], confidences[last])
