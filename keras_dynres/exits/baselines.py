"""What exits are compared with: several nets, one at random or one after another."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_dynres import cost, graph
from keras_dynres.errors import DynresError
from keras_dynres.exits import checks, runs
from keras_dynres.exits.answers import Answers
from keras_dynres.instance import Instance, Menu


def interpolate(
    costs: ArrayLike, accuracies: ArrayLike, budgets: ArrayLike
) -> np.ndarray:
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
    costs = checks.costs(costs)
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


def ensemble(probabilities: ArrayLike) -> np.ndarray:
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
    probabilities = checks.probabilities(probabilities)
    counts = np.arange(1, len(probabilities) + 1)[:, None, None]
    sums = np.cumsum(probabilities, axis=0, dtype="float64")
    return (sums / counts).astype(probabilities.dtype)


def growing_nets(
    models: Iterable[keras.Model],
    validation_data: Any,
    test_data: Any,
    points: int = 20,
    verbose: int = 1,
) -> dict[str, Menu]:
    """Curves of several nets, as baselines beside those of a network with exits.

    Under a mean budget, images go to one of two neighbouring nets at random; or each
    goes through the nets one after another, cheapest first, until the mean of what they
    say is sure enough. The thresholds of the second way are the better of those that
    the paper's rule and a search find on the validation data.

    Args:
        models: Plain `keras.Model`s of the same classes, cheapest first, two at least.
        validation_data: Batches, or arrays, that the thresholds are fitted to.
        test_data: Batches, or arrays, that costs and accuracies are measured on.
        points: How many budgets, evenly from the cheapest cost to the dearest.
        verbose: 0 for no progress bar.

    Returns:
        A dict of two menus: `"random interpolation"` and `"ensemble"`.

    Example:

    ```python
    baselines = kd.exits.growing_nets([small, large], held_out, test)
    kd.evaluation.plot({**model.budget_curve(held_out, test), **baselines}, x="macs")
    ```

    Reference: https://arxiv.org/abs/1703.09844
    """
    models = list(models)
    macs = [cost.count(model).macs for model in models]
    if len(models) < 2 or sorted(set(macs)) != macs:
        raise DynresError(
            "The nets are two at least, each dearer than the one before. "
            f"Received: nets of {macs} MACs."
        )
    flops = [cost.count(model).flops for model in models]

    sums = {"macs": np.cumsum(macs), "flops": np.cumsum(flops)}

    def predict(images: np.ndarray) -> list[np.ndarray]:
        return [_probabilities(model, images) for model in models]

    held_out = Answers.of(predict, validation_data, bool(verbose), **sums)
    seen = Answers.of(predict, test_data, bool(verbose), **sums)
    budgets = np.linspace(sums["macs"][0], sums["macs"][-1], points)
    policies = _together(held_out).solve(budgets, "best")
    return {
        "random interpolation": _interpolated(macs, flops, seen.accuracies, points),
        "ensemble": _together(seen).budgeted(policies, "test images"),
    }


def _together(answers: Answers) -> Answers:
    probabilities = ensemble(answers.probabilities)
    return dataclasses.replace(answers, probabilities=probabilities)


def _interpolated(
    macs: Sequence[int], flops: Sequence[int], right: np.ndarray, points: int
) -> Menu:
    budgets = np.linspace(macs[0], macs[-1], points)
    accuracies = interpolate(macs, right, budgets)
    prices = np.interp(budgets, macs, flops)
    return Menu(
        Instance(f"mix{k}", {}, round(m), round(f), None, {"accuracy": float(a)})
        for k, (m, f, a) in enumerate(zip(budgets, prices, accuracies, strict=True), 1)
    )


def _probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    outputs = model.predict_on_batch(images)
    return runs.probabilities(outputs, not graph.gives_probabilities(model))
