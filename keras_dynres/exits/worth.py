"""What exits and policies are worth on images: who leaves where, accuracy, cost."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import one_of
from keras_dynres.exits import checks
from keras_dynres.exits.fitting import Outcomes, first_sure, point, sureness
from keras_dynres.exits.policy import Policy
from keras_dynres.exits.rules import SPREADS
from keras_dynres.instance import Instance, Menu


def simulate(
    probabilities: ArrayLike, policy: Policy | Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
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
    probabilities = checks.probabilities(probabilities)
    count, images, _ = probabilities.shape
    thresholds = policy.thresholds if isinstance(policy, Policy) else policy
    thresholds = checks.thresholds(thresholds, count)
    exits = first_sure(sureness(probabilities), thresholds)
    return exits, probabilities[exits, np.arange(images)].argmax(axis=-1)


def accuracy_and_cost(
    probabilities: ArrayLike,
    labels: ArrayLike,
    costs: ArrayLike,
    policy: Policy | Sequence[float],
) -> tuple[float, float]:
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
    probabilities, labels = checks.labelled(probabilities, labels)
    exits, classes = simulate(probabilities, policy)
    costs = checks.costs(costs, len(probabilities))
    return float((classes == labels).mean()), float(costs[exits].mean())


def curve(
    held_out: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    costs: ArrayLike,
    points: int = 40,
    rule: str = "geometric",
) -> list[dict]:
    """Accuracy against mean cost: thresholds from some images, figures from others.

    Args:
        held_out: Probabilities (exits, images, classes) and labels that the thresholds
            are fitted to.
        test: Probabilities and labels that accuracy and cost are measured on.
        costs: Cost of an image that leaves at each exit, increasing.
        points: How many budgets, evenly from the first exit's cost to the last one's.
        rule: `"geometric"` or `"searched"`, as in `solve`.

    Returns:
        A list of dicts of `cost`, `accuracy` and `q`, of rising budgets.

    Example:

    >>> sure = np.array([[0.9, 0.6, 0.7, 0.8], [1.0, 0.7, 0.2, 0.9]])
    >>> images = np.stack([sure, 1 - sure], axis=-1), [0, 0, 1, 0]
    >>> [p["accuracy"] for p in kd.exits.curve(images, images, [10, 30], points=3)]
    [0.75, 1.0, 1.0]
    """
    one_of("rule", rule, SPREADS)
    points = checks.points(points)
    fitted = Outcomes.held_out(*held_out, costs)
    apart = Outcomes.of(*test, costs)
    budgets = np.linspace(fitted.costs[0], fitted.costs[-1], points)
    spreads = SPREADS[rule](fitted, budgets)
    return [point(fitted, apart, q, shares) for q, shares in spreads]


def anytime_menu(
    probabilities: ArrayLike,
    labels: ArrayLike,
    macs: ArrayLike,
    flops: ArrayLike,
    names: Sequence[str] | None = None,
) -> Menu:
    """The exits as a menu: what all images cost and get when stopped after each.

    Args:
        probabilities: What each exit says, (exits, images, classes).
        labels: The images' classes, (images,).
        macs: MACs of an image that leaves at each exit, increasing.
        flops: FLOPs likewise.
        names: The exits' names, by default `exit1`, `exit2` and on.

    Returns:
        A `Menu` whose instances have `accuracy` measured.

    Example:

    >>> probabilities = [[[0.9, 0.1], [0.6, 0.4]], [[1.0, 0.0], [0.2, 0.8]]]
    >>> menu = kd.exits.anytime_menu(probabilities, [0, 1], [10, 30], [20, 60])
    >>> [(i.name, i.macs, i.measured["accuracy"]) for i in menu]
    [('exit1', 10, 0.5), ('exit2', 30, 1.0)]
    """
    probabilities, labels = checks.labelled(probabilities, labels)
    macs, flops = (checks.costs(costs, len(probabilities)) for costs in (macs, flops))
    names = names or [f"exit{k}" for k in range(1, len(macs) + 1)]
    right = (probabilities.argmax(axis=-1) == labels).mean(axis=1)
    return Menu(
        Instance(name, {"exit": k}, round(m), round(f), None, {"accuracy": float(a)})
        for k, (name, m, f, a) in enumerate(
            zip(names, macs, flops, right, strict=True), 1
        )
    )


def budgeted_menu(
    policies: Iterable[Policy],
    probabilities: ArrayLike,
    labels: ArrayLike,
    macs: ArrayLike,
    flops: ArrayLike,
    data: str = "",
) -> Menu:
    """Policies as a menu: what the images of a batch cost and get under each.

    Args:
        policies: `Policy` objects, fitted to other images.
        probabilities: What each exit says, (exits, images, classes).
        labels: The images' classes, (images,).
        macs: MACs of an image that leaves at each exit, increasing.
        flops: FLOPs likewise.
        data: Says which images these are; kept beside the averages.

    Returns:
        A `Menu` of `budget1`, `budget2` and on. What an instance costs depends on the
        image: `macs` and `flops` are those of the last exit that an image can reach,
        `average` holds their means over these images, with the standard deviations,
        and `figure("macs")` is the mean. Measured are `accuracy` on these images, the
        `budget` and, on those that the thresholds were fitted to, `held_out_cost` and
        `held_out_accuracy`.

    Example:

    >>> first, last = [[0.9, 0.1], [0.6, 0.4]], [[1.0, 0.0], [0.2, 0.8]]
    >>> policy = kd.exits.solve([first, last], [0, 1], [10, 30], budget=20)
    >>> others = [first[:1], last[:1]], [0], [10, 30], [20, 60]
    >>> budget = kd.exits.budgeted_menu([policy], *others)["budget1"]
    >>> budget.macs, budget.figure("macs"), budget.measured["held_out_cost"]
    (30, 10.0, 20.0)
    """
    probabilities, labels = checks.labelled(probabilities, labels)
    costs = {
        "macs": checks.costs(macs, len(probabilities)),
        "flops": checks.costs(flops, len(probabilities)),
    }
    instances = []
    for number, policy in enumerate(policies, 1):
        exits, classes = simulate(probabilities, policy)
        settings = {
            "unit": policy.unit,
            "rule": policy.rule,
            "q": policy.q,
            "thresholds": list(policy.thresholds),
        }
        measured = {
            "accuracy": float((classes == labels).mean()),
            "budget": policy.budget,
            "held_out_cost": policy.expected_cost,
            "held_out_accuracy": policy.accuracy,
        }
        average = {"images": len(labels), "data": data}
        for unit, values in costs.items():
            average[unit] = float(values[exits].mean())
            average[f"{unit}_spread"] = float(values[exits].std())
        # At threshold 0 all leave: no image reaches an exit beyond.
        reached = policy.thresholds.index(0)
        dearest = {unit: round(values[reached]) for unit, values in costs.items()}
        instances.append(
            Instance(
                f"budget{number}",
                settings,
                **dearest,
                measured=measured,
                average=average,
            )
        )
    return Menu(instances)
