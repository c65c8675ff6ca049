"""What a policy would do, from the predictions of all exits on all images."""

import numpy as np

from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.exits import checking
from keras_dynres.exits.choosing import SPREADS
from keras_dynres.exits.making import point
from keras_dynres.exits.outcomes import Outcomes, first_sure, sureness
from keras_dynres.exits.policy import Policy


def simulate(probabilities, policy):
    """Where each image leaves, and what is predicted there.

    Args:
        probabilities: What each exit says, (exits, images, classes).
        policy: A `Policy`, or a threshold for each exit; at the last one all leave.

    Returns:
        Two arrays: the position of the exit, from 0, and the predicted class of each
        image.

    Example:

    >>> sure = np.array([[0.9, 0.6], [1.0, 0.2]])
    >>> kd.exits.simulate(np.stack([sure, 1 - sure], axis=-1), [0.8, 0])
    (array([0, 1]), array([0, 1]))
    """
    probabilities = checking.probabilities(probabilities)
    count, images, _ = probabilities.shape
    thresholds = policy.thresholds if isinstance(policy, Policy) else policy
    thresholds = checking.thresholds(thresholds, count)
    exits = first_sure(sureness(probabilities), thresholds)
    return exits, probabilities[exits, np.arange(images)].argmax(axis=-1)


def accuracy_and_cost(probabilities, labels, costs, policy):
    """Accuracy and mean cost of an image under a policy.

    Args:
        probabilities: What each exit says, (exits, images, classes).
        labels: The images' classes, (images,).
        costs: Cost of an image that leaves at each exit, increasing.
        policy: A `Policy`, or a threshold for each exit.

    Returns:
        Two floats.

    Example:

    >>> sure = np.array([[0.9, 0.6], [1.0, 0.2]])
    >>> probabilities = np.stack([sure, 1 - sure], axis=-1)
    >>> kd.exits.accuracy_and_cost(probabilities, [0, 0], [10, 30], [0.8, 0])
    (0.5, 20.0)
    """
    exits, classes = simulate(probabilities, policy)
    if not len(exits):
        raise DynresError("Accuracy needs an image at least. Received: no images.")
    labels = checking.labels(labels, len(exits), np.shape(probabilities)[2])
    costs = checking.costs(costs, len(probabilities))
    return float((classes == labels).mean()), float(costs[exits].mean())


def curve(held_out, test, costs, points=40, rule="geometric"):
    """Accuracy against mean cost: thresholds from some images, figures from others.

    Args:
        held_out: Probabilities (exits, images, classes) and labels that the thresholds
            are fitted to.
        test: Probabilities and labels that accuracy and cost are measured on.
        costs: Cost of an image that leaves at each exit, increasing.
        points: How many budgets, evenly from the first exit's cost to the last one's.
        rule: `"geometric"` as in `solve`, or `"searched"` as in `search`.

    Returns:
        A list of dicts of `cost`, `accuracy` and `q`, of rising budgets.

    Example:

    >>> sure = np.array([[0.9, 0.6, 0.7, 0.8], [1.0, 0.7, 0.2, 0.9]])
    >>> images = np.stack([sure, 1 - sure], axis=-1), [0, 0, 1, 0]
    >>> [p["accuracy"] for p in kd.exits.curve(images, images, [10, 30], points=3)]
    [0.75, 1.0, 1.0]
    """
    if rule not in SPREADS:
        raise UnknownNameError("rule", rule, SPREADS)
    if points < 2:
        raise DynresError(f"A curve has 2 points at least. Received: points={points}.")
    fitted = Outcomes.held_out(*held_out, costs)
    apart = Outcomes.of(*test, costs)
    budgets = np.linspace(fitted.costs[0], fitted.costs[-1], points)
    found = SPREADS[rule](fitted, budgets)
    return [point(fitted, apart, q, shares) for q, shares in found]
