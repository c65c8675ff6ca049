"""A policy out of shares: thresholds on the held-out images, and what they cost."""

import numpy as np

from keras_dynres.exits import checking
from keras_dynres.exits.assigning import assign
from keras_dynres.exits.policy import Policy

_POINTS = 40


def make(rule, spread, seen, budget, about):
    """The `Policy` of a rule.

    Args:
        rule: Its name.
        spread: Callable `(seen, budgets)` that returns `(q, shares)` for each budget.
        seen: `Outcomes` of the held-out images.
        budget: Mean cost an image may have.
        about: What else the policy says: model, exits, unit, held_out.
    """
    costs, unit = seen.costs, about["unit"]
    budget = checking.budget(budget, costs, unit)
    budgets = np.linspace(costs[0], costs[-1], _POINTS)
    (q, shares), *others = spread(seen, [budget, *budgets])
    thresholds = assign(seen.confidences, shares)
    exits, correct, paid = seen.under(thresholds)
    names = about["exits"] or [f"exit{k}" for k in range(1, len(costs) + 1)]
    return Policy(
        model=about["model"],
        exits=names,
        costs=costs,
        unit=unit,
        budget=budget,
        thresholds=thresholds,
        q=q,
        rule=rule,
        fractions=np.bincount(exits, minlength=len(costs)) / seen.images,
        expected_cost=float(paid.mean()),
        interval=_interval(paid, costs),
        accuracy=float(correct.mean()),
        held_out={**(about["held_out"] or {}), "count": seen.images},
        curve=[point(seen, seen, *other) for other in others],
    )


def point(held_out, test, q, shares):
    """What shares are worth: thresholds from one set of images, figures from one."""
    accuracy, cost = test.worth(assign(held_out.confidences, shares))
    return {"cost": cost, "accuracy": accuracy, "q": q}


def _interval(paid, costs):
    """The normal 95 % interval of a mean, inside what an image can cost."""
    spread = paid.std(ddof=1) if len(paid) > 1 else 0.0
    reach = 1.959964 * spread / len(paid) ** 0.5
    ends = paid.mean() - reach, paid.mean() + reach
    return tuple(np.clip(ends, costs[0], costs[-1]).tolist())
