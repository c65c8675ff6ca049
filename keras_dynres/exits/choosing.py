"""The better of the two rules, told apart on images that neither was fitted to."""

import dataclasses

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.exits import checking, searching, solving
from keras_dynres.exits.assigning import assign
from keras_dynres.exits.making import make
from keras_dynres.exits.outcomes import Outcomes

SPREADS = {"geometric": solving.spread, "searched": searching.spread}


def best(
    probabilities,
    labels,
    costs,
    budget,
    unit="macs",
    exits=None,
    model="model",
    held_out=None,
):
    """The policy of the rule that does better on images it was not fitted to.

    The held-out images are split in two halves at random. Each rule is fitted to the
    budget on one half and measured on the other, then the other way round. The more
    accurate one, the paper's where they are equal, is fitted again to all the images.
    Both figures stand in the policy's `alternatives`.

    Args:
        probabilities: What each exit says of held-out images, (exits, images, classes);
            two images for each exit at least.
        labels: Their classes, (images,).
        costs: Cost of an image that leaves at each exit, increasing.
        budget: The mean cost an image may have, in `unit`.
        unit: `"macs"` or `"latency_ms"`.
        exits: The exits' names, by default `exit1`, `exit2` and on.
        model: The model's name.
        held_out: A dict that says how the images were held out; `count` is added.

    Returns:
        A `Policy`.

    Example:

    >>> sure = np.array([[0.9, 0.8, 0.7, 0.6], [1.0, 0.9, 0.9, 0.8]])
    >>> probabilities = np.stack([sure, 1 - sure], axis=-1)
    >>> policy = kd.exits.best(probabilities, [0, 0, 0, 1], [10, 30], budget=20)
    >>> [each["rule"] for each in policy.alternatives]
    ['geometric', 'searched']
    """
    seen = Outcomes.held_out(probabilities, labels, costs)
    if seen.images < 2 * len(seen.costs):
        raise DynresError(
            f"Comparing rules for {len(seen.costs)} exits needs "
            f"{2 * len(seen.costs)} held-out images at least. "
            f"Received: {seen.images} images."
        )
    budget = checking.budget(budget, seen.costs, unit)
    rows = [_row(rule, seen, budget) for rule in SPREADS]
    rule = max(rows, key=lambda row: row["accuracy"])["rule"]
    about = {"unit": unit, "exits": exits, "model": model, "held_out": held_out}
    policy = make(rule, SPREADS[rule], seen, budget, about)
    return dataclasses.replace(policy, alternatives=rows)


def _row(rule, seen, budget):
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
