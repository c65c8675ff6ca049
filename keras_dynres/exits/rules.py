"""The rules that spend a budget: the paper's shares, searched ones, the better."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import checks, fitting
from keras_dynres.exits.fitting import Outcomes, assign, first_sure, midway
from keras_dynres.exits.policy import Policy

# The ratio of neighbouring shares runs over exp(-40) to exp(40): beyond either end
# all shares but one vanish beside it in float64.
_REACH = 40.0
# Of the search. More of each gained nothing on images apart.
_PAIRS = 4  # of halves
_DEPTH = 4  # stops between stops
_ROUNDS = 3  # of a climb


def solve(
    probabilities: ArrayLike,
    labels: ArrayLike,
    costs: ArrayLike,
    budget: float,
    unit: str = "macs",
    exits: Sequence[str] | None = None,
    model: str = "model",
    held_out: Mapping | None = None,
    rule: str = "geometric",
) -> Policy:
    """Thresholds by which a budget is spent, fitted to held-out images.

    A rule says which share of the images leaves at each exit. By each exit at least
    its cumulative share has left, so the policy costs at most the budget on the
    held-out images, and less than one image's cost below it; less where images tie in
    confidence, as these leave together. Even at threshold 1 an image leaves whose
    probability is rounded to 1. The same images always give the same policy.

    - `"geometric"`, the paper's: a share q_k = z (1 - q)^(k-1) q leaves at exit k,
      where q is such that the shares cost what the budget allows (equations 2 and 3).
      With q in (0, 1] the shares fall, and their cost lies between that of the first
      exit (q = 1) and that of equal shares (q near 0). A larger budget is served by
      the same formula with q below 0: the ratio 1 - q is above 1, and the shares rise
      towards the last exit. Labels do not touch the thresholds: only the policy's
      `accuracy` is theirs.
    - `"searched"`: the most accurate shares. For a price of cost, accuracy less price
      times cost is climbed one exit at a time: with the other thresholds fixed, the
      best one is found exactly, among all. The prices are the slopes between what was
      found before, from the first exit's cost to the last one's; between two
      neighbours the shares are mixed, which costs the mixture of their costs. So any
      budget is met. The most accurate thresholds of one sample are partly its
      accidents: the search runs on eight halves of the images, and the shares are the
      mean of theirs. Still the policy's `accuracy` is a little too good, and its `q`
      is None.
    - `"best"`: the better of the two on images it was not fitted to. The held-out
      images are split in two halves at random. Each rule is fitted to the budget on
      one half and measured on the other, then the other way round. The more accurate
      one, the paper's where they are equal, is fitted again to all the images. Both
      figures stand in the policy's `alternatives`.

    Args:
        probabilities: What each exit says of held-out images, (exits, images, classes):
            an image for each exit at least, two for `"best"`.
        labels: Their classes, (images,).
        costs: Cost of an image that leaves at each exit, increasing.
        budget: The mean cost an image may have, in `unit`. At the last exit's cost or
            above all may run to the last exit, and q is None.
        unit: `"macs"` or `"latency_ms"`.
        exits: The exits' names, by default `exit1`, `exit2` and on.
        model: The model's name, by which the policy is known to be its own.
        held_out: A dict that says how the images were held out; `count` is added.
        rule: `"geometric"`, `"searched"` or `"best"`.

    Returns:
        A `Policy`.

    Example:

    >>> sure = np.array([[0.9, 0.8, 0.7, 0.6], [1.0, 0.9, 0.9, 0.8]])
    >>> seen = np.stack([sure, 1 - sure], axis=-1), [0, 0, 0, 1]
    >>> policy = kd.exits.solve(*seen, [10, 30], budget=20)
    >>> policy.thresholds, policy.fractions, policy.expected_cost
    ((0.75, 0.0), (0.5, 0.5), 20.0)
    >>> policy = kd.exits.solve(*seen, [10, 30], budget=20, rule="searched")
    >>> policy.rule, policy.q, policy.expected_cost
    ('searched', None, 20.0)
    >>> policy = kd.exits.solve(*seen, [10, 30], budget=20, rule="best")
    >>> [row["rule"] for row in policy.alternatives]
    ['geometric', 'searched']

    Reference: https://arxiv.org/abs/1703.09844v1
    """
    one_of("rule", rule, RULES)
    seen = Outcomes.held_out(probabilities, labels, costs)
    about = {"unit": unit, "exits": exits, "model": model, "held_out": held_out}
    if rule != "best":
        return fitting.fit(rule, SPREADS[rule], seen, budget, about)
    rows = _compared(seen, budget, unit)
    rule = max(rows, key=lambda row: row["accuracy"])["rule"]
    policy = fitting.fit(rule, SPREADS[rule], seen, budget, about)
    return dataclasses.replace(policy, alternatives=rows)


# === The better rule ===


def _compared(seen: Outcomes, budget: float, unit: str) -> list[dict]:
    """What each rule is worth on images apart."""
    least = 2 * len(seen.costs)
    if seen.images < least:
        raise DynresError(
            f"Comparing rules for {len(seen.costs)} exits needs {least} held-out "
            f"images at least. Received: {seen.images} images."
        )
    budget = checks.budget(budget, seen.costs, unit)
    return [_apart(rule, seen, budget) for rule in SPREADS]


def _apart(rule: str, seen: Outcomes, budget: float) -> dict:
    """What a rule is worth on each half of the images when fitted to the other."""
    order = np.random.default_rng(0).permutation(seen.images)
    halves = [seen.part(half) for half in np.array_split(order, 2)]
    correct, paid = [], []
    for fitted, apart in (halves, halves[::-1]):
        ((_, shares),) = SPREADS[rule](fitted, [budget])
        _, right, costs = apart.under(assign(fitted.confidences, shares))
        correct.append(right)
        paid.append(costs)
    accuracy = float(np.concatenate(correct).mean())
    return {
        "rule": rule,
        "accuracy": accuracy,
        "cost": float(np.concatenate(paid).mean()),
    }


# === The paper's rule: shares that fall, or rise, by one ratio ===


def geometric(
    seen: Outcomes, budgets: Sequence[float]
) -> list[tuple[float | None, np.ndarray]]:
    """`(q, shares)` of each budget; see `solve`."""
    costs, budgets = seen.costs, np.asarray(budgets, "float64")
    low, high = np.full(len(budgets), -_REACH), np.full(len(budgets), _REACH)
    for _ in range(80):
        middle = (low + high) / 2
        fits = _shares(middle, len(costs)) @ costs <= budgets
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    last = np.eye(len(costs))[-1]
    return [
        (None, last) if budget >= costs[-1] else (float(-np.expm1(log)), shares)
        for budget, log, shares in zip(
            budgets, low, _shares(low, len(costs)), strict=True
        )
    ]


def _shares(logs: np.ndarray, exits: int) -> np.ndarray:
    """Shares whose ratio is exp(log), a row for each log."""
    powers = logs[:, None] * np.arange(exits)
    weights = np.exp(powers - powers.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


# === Shares searched for accuracy ===


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


SPREADS = {"geometric": geometric, "searched": searched}
RULES = (*SPREADS, "best")
