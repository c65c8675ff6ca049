"""Shares searched for accuracy on the held-out images, instead of a formula's."""

import dataclasses

import numpy as np

from keras_dynres.exits.assigning import assign, midway
from keras_dynres.exits.making import make
from keras_dynres.exits.outcomes import Outcomes, first_sure

# More of each gained nothing on images apart.
_PAIRS = 4  # of halves
_DEPTH = 4  # stops between stops
_ROUNDS = 3  # of a climb


def search(
    probabilities,
    labels,
    costs,
    budget,
    unit="macs",
    exits=None,
    model="model",
    held_out=None,
):
    """Searches the thresholds that are most accurate under a budget.

    For a price of cost, accuracy less price times cost is climbed one exit at a time:
    with the other thresholds fixed, the best one is found exactly, among all. The
    prices are the slopes between what was found before, from the first exit's cost to
    the last one's; between two neighbours the shares of images that leave at each exit
    are mixed, which costs the mixture of their costs. So any budget is met.

    The most accurate thresholds of one sample are partly its accidents. Therefore the
    search runs on eight halves of the images, and the shares are the mean of theirs.
    The thresholds are then those by which these shares of all held-out images leave,
    as in `solve`, and the same holds of the cost. The same images always give the same
    policy.

    Args:
        probabilities: What each exit says of held-out images, (exits, images, classes).
        labels: Their classes, (images,).
        costs: Cost of an image that leaves at each exit, increasing.
        budget: The mean cost an image may have, in `unit`. At the last exit's cost or
            above all may run to the last exit.
        unit: `"macs"` or `"latency_ms"`.
        exits: The exits' names, by default `exit1`, `exit2` and on.
        model: The model's name.
        held_out: A dict that says how the images were held out; `count` is added.

    Returns:
        A `Policy` whose `q` is None. Its `accuracy` is of the images searched on, so a
        little too good; `best` measures it on others.

    Example:

    >>> sure = np.array([[0.9, 0.8, 0.7, 0.6], [1.0, 0.9, 0.9, 0.8]])
    >>> probabilities = np.stack([sure, 1 - sure], axis=-1)
    >>> policy = kd.exits.search(probabilities, [0, 0, 0, 1], [10, 30], budget=20)
    >>> policy.rule, policy.q, policy.expected_cost
    ('searched', None, 20.0)
    """
    seen = Outcomes.held_out(probabilities, labels, costs)
    about = {"unit": unit, "exits": exits, "model": model, "held_out": held_out}
    return make("searched", spread, seen, budget, about)


def spread(seen, budgets):
    """`(None, shares)` of each budget; see `search`."""
    paths = [_path(half) for half in _halves(seen)]
    shares = np.mean([_along(path, budgets) for path in paths], axis=0)
    return [(None, row) for row in shares]


@dataclasses.dataclass(frozen=True)
class _Stop:
    """A point of a path: the shares, and what they are worth."""

    cost: float
    accuracy: float
    shares: np.ndarray


def _halves(seen):
    """Random halves of the images, each beside its other half."""
    random = np.random.default_rng(0)
    for _ in range(_PAIRS):
        order = random.permutation(seen.images)
        yield from (seen.part(half) for half in np.array_split(order, 2) if len(half))


def _along(path, budgets):
    """Shares for each budget, mixed from the path's two neighbours."""
    costs = [stop.cost for stop in path]
    columns = np.transpose([stop.shares for stop in path])
    return np.transpose([np.interp(budgets, costs, column) for column in columns])


def _path(seen):
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


def _between(seen, low, high, depth):
    """Stops between two, each above the straight line of its neighbours."""
    rise = high.accuracy - low.accuracy
    if not depth or rise <= 0:
        return []
    price = rise / (high.cost - low.cost)
    found = _stop(seen, price, (low.shares + high.shares) / 2)
    gained = found.accuracy - low.accuracy - price * (found.cost - low.cost)
    if not low.cost < found.cost < high.cost or gained <= 1e-12:
        return []
    before = _between(seen, low, found, depth - 1)
    return [*before, found, *_between(seen, found, high, depth - 1)]


def _stop(seen, price, shares):
    """The stop that climbing for a price leads to, from where `shares` leave."""
    thresholds = climb(seen, price, assign(seen.confidences, shares))
    exits, correct, costs = seen.under(thresholds)
    left = np.bincount(exits, minlength=len(seen.costs)) / seen.images
    return _Stop(costs.mean(), correct.mean(), left)


def climb(seen, price, thresholds):
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


def _cut(confidences, gains):
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
