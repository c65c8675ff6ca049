"""The rules that spend a budget: the paper's shares, searched ones, the best."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import checks, fitting
from keras_dynres.exits.fitting import Outcomes, assign
from keras_dynres.exits.policy import Policy
from keras_dynres.exits.search import searched

# Budgets from the first exit's cost to the last one's that "best" chooses from, and
# every how many of them stand in a policy's curve.
_FAMILY, _SHOWN = 196, 5
# The ratio of neighbouring shares runs over exp(-40) to exp(40): beyond either end
# all shares but one vanish beside it in float64.
_REACH = 40.0


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
    held-out images, and by the first two rules less than one image's cost below it;
    less where images tie in confidence, as these leave together. Even at threshold 1
    an image leaves whose probability is rounded to 1. The same images always give the
    same policy.

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
    - `"best"`: as accurate as any smaller budget allows, and so not always all of it:
      where the last exits know no better, images that go on cost accuracy too. Of
      some two hundred budgets from the first exit's cost to the last one's, by equal
      ratios, each has the better of the two rules on images it was not fitted to: the
      held-out images are split in two halves at random, each rule is fitted on one
      half and measured on the other, then the other way round. The more accurate one,
      the paper's where they are equal, is fitted again to all the images; both figures
      stand in the policy's `alternatives`. Of the budgets that are no larger than the
      one asked for, the most accurate on the held-out images is taken, the cheapest of
      equals. So a larger budget is never less accurate there.

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
    about = {"unit": unit, "exits": exits, "model": model, "held_out": held_out}
    (policy,) = solve_each(probabilities, labels, costs, [budget], rule, **about)
    return policy


def solve_each(
    probabilities: ArrayLike,
    labels: ArrayLike,
    costs: ArrayLike,
    budgets: Iterable[float],
    rule: str,
    **about: Any,
) -> list[Policy]:
    """The `Policy` of each budget, as `solve` gives it.

    Args:
        probabilities: As there.
        labels: As there.
        costs: As there.
        budgets: The mean costs an image may have.
        rule: As there.
        **about: What else the policies say: unit, exits, model, held_out.
    """
    one_of("rule", rule, RULES)
    seen = Outcomes.held_out(probabilities, labels, costs)
    budgets = [checks.budget(budget, seen.costs, about["unit"]) for budget in budgets]
    family = np.geomspace(seen.costs[0], seen.costs[-1], _FAMILY)
    if rule == "best":
        return _best(seen, budgets, family, about)
    rows = SPREADS[rule](seen, [*budgets, *family[::_SHOWN]])
    curve = [fitting.point(seen, seen, *row) for row in rows[len(budgets) :]]
    return [
        fitting.policy(rule, *row, seen, budget, curve, about)
        for budget, row in zip(budgets, rows, strict=False)
    ]


# === The best ===


def _best(
    seen: Outcomes, budgets: Sequence[float], family: np.ndarray, about: Mapping
) -> list[Policy]:
    """The most accurate policies of a family of rising cost, each within a budget."""
    least = 2 * len(seen.costs)
    if seen.images < least:
        raise DynresError(
            f"Comparing rules for {len(seen.costs)} exits needs {least} held-out "
            f"images at least. Received: {seen.images} images."
        )
    apart = {rule: _apart(rule, seen, family) for rule in SPREADS}
    rows = {rule: spread(seen, family) for rule, spread in SPREADS.items()}
    compared = list(zip(*apart.values(), strict=True))
    rules = [max(pair, key=lambda row: row["accuracy"])["rule"] for pair in compared]
    chosen = [rows[rule][place] for place, rule in enumerate(rules)]
    curve = [fitting.point(seen, seen, *row) for row in chosen]
    accuracies = np.array([point["accuracy"] for point in curve])
    policies = []
    for budget in budgets:
        place = int(accuracies[family <= budget].argmax())
        policy = fitting.policy(
            rules[place], *chosen[place], seen, budget, curve[::_SHOWN], about
        )
        policies.append(dataclasses.replace(policy, alternatives=compared[place]))
    return policies


def _apart(rule: str, seen: Outcomes, budgets: Sequence[float]) -> list[dict]:
    """What a rule is worth on each half of the images when fitted to the other."""
    order = np.random.default_rng(0).permutation(seen.images)
    halves = [seen.part(half) for half in np.array_split(order, 2)]
    right, paid = [], []
    for fitted, apart in (halves, halves[::-1]):
        outcomes = [
            apart.under(assign(fitted.confidences, shares))
            for _, shares in SPREADS[rule](fitted, budgets)
        ]
        right.append([correct for _, correct, _ in outcomes])
        paid.append([costs for _, _, costs in outcomes])
    accuracies = np.concatenate(right, axis=1).mean(axis=1)
    costs = np.concatenate(paid, axis=1).mean(axis=1)
    return [
        {"rule": rule, "accuracy": float(accuracy), "cost": float(cost)}
        for accuracy, cost in zip(accuracies, costs, strict=True)
    ]


# === The paper's rule: shares that fall, or rise, by one ratio ===


def geometric(
    seen: Outcomes, budgets: Sequence[float]
) -> list[tuple[float | None, np.ndarray]]:
    """`(q, shares)` of each budget; see `solve`."""
    return _geometric(seen.costs, budgets)


def needed_exits(costs: ArrayLike, budget: float, share: float = 0.01) -> int:
    """How many exits a network needs that will run under a mean budget.

    By the paper's rule the shares that leave fall from exit to exit: the last exit
    needed is the first at which fewer than a small share would leave. A network need
    not be trained, or kept, any deeper. Where shares do not fall, all are needed.

    Args:
        costs: Cost of an image that leaves at each exit of a network as deep as may be.
        budget: Mean cost an image may have.
        share: The small share.

    Example:

    >>> [kd.exits.needed_exits([10, 20, 30, 40, 50], b) for b in (12, 20, 40)]
    [4, 5, 5]
    """
    costs = checks.costs(costs)
    if not 0 < share < 1:
        raise DynresError(f"share lies between 0 and 1. Received: share={share!r}.")
    budget = checks.budget(budget, costs, "cost")
    ((_, shares),) = _geometric(costs, [budget])
    few = np.flatnonzero(shares < share)
    falls = shares[0] > shares[-1]
    return int(few[0]) + 1 if falls and len(few) else len(costs)


def _geometric(
    costs: np.ndarray, budgets: Sequence[float]
) -> list[tuple[float | None, np.ndarray]]:
    budgets = np.asarray(budgets, "float64")
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


SPREADS = {"geometric": geometric, "searched": searched}
RULES = (*SPREADS, "best")
