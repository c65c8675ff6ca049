"""What exits are compared with: nets drawn at random, and ensembles that grow."""

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.exits import checking


def interpolate(costs, accuracies, budgets):
    """Accuracy under a budget when each image goes to one of two nets at random.

    Where a budget lies between two neighbouring nets' costs, B = a C_1 + (1 - a) C_2,
    a share a of the images goes to the cheaper one. A budget above the dearest net's
    cost buys that net.

    Args:
        costs: Cost of each net, increasing.
        accuracies: Accuracy of each.
        budgets: Mean costs of an image, none below the cheapest net's.

    Returns:
        An array of accuracies, one for each budget.

    Example:

    >>> kd.exits.interpolate([10, 20], [0.8, 0.9], [10, 15, 20])
    array([0.8 , 0.85, 0.9 ])
    """
    costs = checking.costs(costs)
    accuracies = np.asarray(accuracies, "float64")
    if accuracies.shape != costs.shape:
        raise DynresError(
            f"There is one accuracy for each of the {len(costs)} nets. "
            f"Received: accuracies={accuracies.tolist()}."
        )
    budgets = np.asarray(budgets, "float64")
    if not (budgets >= costs[0]).all():
        raise DynresError(
            f"The cheapest net costs {costs[0]:g}. "
            f"Received: budgets={budgets.tolist()}."
        )
    return np.interp(budgets, costs, accuracies)


def ensemble(probabilities):
    """Mean probabilities of the first net, the first two, and so on.

    Nets evaluated one after another, cheapest first, are exits too: what an image has
    got when it leaves is the mean over the nets it went through. Its cost is the sum
    of theirs, `np.cumsum(costs)`. The result goes into `solve` and `simulate` as any
    exits' probabilities do.

    Args:
        probabilities: What each net says, (nets, images, classes).

    Returns:
        An array of the same shape and precision.

    Example:

    >>> kd.exits.ensemble(np.array([[[1.0, 0.0]], [[0.5, 0.5]]]))[1]
    array([[0.75, 0.25]])
    """
    probabilities = checking.probabilities(probabilities)
    counts = np.arange(1, len(probabilities) + 1)[:, None, None]
    sums = np.cumsum(probabilities, axis=0, dtype="float64")
    return (sums / counts).astype(probabilities.dtype)
