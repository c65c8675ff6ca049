"""The paper's rule: geometrically falling shares, solved for a budget."""

import numpy as np

from keras_dynres.exits.making import make
from keras_dynres.exits.outcomes import Outcomes

# The ratio of neighbouring shares runs over exp(-40) to exp(40): beyond either end
# all shares but one vanish beside it in float64.
_REACH = 40.0


def solve(
    probabilities,
    labels,
    costs,
    budget,
    unit="macs",
    exits=None,
    model="model",
    held_out=None,
):
    """Solves the exit probability q for a budget, and assigns the thresholds.

    A share q_k = z (1 - q)^(k-1) q of the held-out images leaves at exit k, where q is
    such that the shares cost what the budget allows (equations 2 and 3 of the paper).
    With q in (0, 1] the shares fall, and their cost lies between that of the first
    exit (q = 1) and that of equal shares (q near 0). A larger budget is served by the
    same formula with q below 0: the ratio 1 - q is above 1, and the shares rise
    towards the last exit.

    By each exit at least its cumulative share has left, so the policy costs at most
    the budget on the held-out images, and less than one image's cost below it; less
    where images tie in confidence, as these leave together. Even at threshold 1 an
    image leaves whose probability is rounded to 1. Labels do not touch the thresholds:
    only the policy's `accuracy` is theirs.

    Args:
        probabilities: What each exit says of held-out images, (exits, images, classes).
        labels: Their classes, (images,).
        costs: Cost of an image that leaves at each exit, increasing.
        budget: The mean cost an image may have, in `unit`. At the last exit's cost or
            above all may run to the last exit, and q is None.
        unit: `"macs"` or `"latency_ms"`.
        exits: The exits' names, by default `exit1`, `exit2` and on.
        model: The model's name, by which the policy is known to be its own.
        held_out: A dict that says how the images were held out; `count` is added.

    Returns:
        A `Policy`.

    Example:

    >>> sure = np.array([[0.9, 0.8, 0.7, 0.6], [1.0, 0.9, 0.9, 0.8]])
    >>> probabilities = np.stack([sure, 1 - sure], axis=-1)
    >>> policy = kd.exits.solve(probabilities, [0, 0, 0, 1], [10, 30], budget=20)
    >>> policy.thresholds, policy.fractions, policy.expected_cost
    ((0.75, 0.0), (0.5, 0.5), 20.0)

    Reference: https://arxiv.org/abs/1703.09844v1
    """
    seen = Outcomes.held_out(probabilities, labels, costs)
    about = {"unit": unit, "exits": exits, "model": model, "held_out": held_out}
    return make("geometric", spread, seen, budget, about)


def spread(seen, budgets):
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


def _shares(logs, exits):
    """Shares whose ratio is exp(log), a row for each log."""
    powers = logs[:, None] * np.arange(exits)
    weights = np.exp(powers - powers.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
