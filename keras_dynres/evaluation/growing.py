"""What exits are compared with: several nets, one at random or one after another."""

import keras
import numpy as np
from keras import ops

from keras_dynres import cost, exits, graph
from keras_dynres.core.batches import batches
from keras_dynres.errors import DynresError
from keras_dynres.instance import Instance, Menu


def growing_nets(models, validation_data, test_data, points=20, verbose=1):
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
    baselines = kd.evaluation.growing_nets([small, large], held_out, test)
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
    held_out, labels = _said(models, validation_data, verbose)
    seen, answers = _said(models, test_data, verbose)
    right = (seen.argmax(axis=-1) == answers).mean(axis=1)
    sums = np.cumsum(macs)
    policies = [
        exits.best(exits.ensemble(held_out), labels, sums, budget)
        for budget in np.linspace(sums[0], sums[-1], points)
    ]
    ensemble = exits.ensemble(seen), answers, sums, np.cumsum(flops)
    return {
        "random interpolation": _interpolated(macs, flops, right, points),
        "ensemble": exits.budgeted_menu(policies, *ensemble),
    }


def _interpolated(macs, flops, right, points):
    budgets = np.linspace(macs[0], macs[-1], points)
    accuracies = exits.interpolate(macs, right, budgets)
    prices = np.interp(budgets, macs, flops)
    return Menu(
        Instance(f"mix{k}", {}, round(m), round(f), None, {"accuracy": float(a)})
        for k, (m, f, a) in enumerate(zip(budgets, prices, accuracies, strict=True), 1)
    )


def _said(models, data, verbose):
    """Probabilities of every net (nets, images, classes), and the labels."""
    found, labels = [], []
    bar = keras.utils.Progbar(None, verbose=verbose, unit_name="batch")
    for step, (images, answers) in enumerate(batches(data), 1):
        found.append([_probabilities(model, images) for model in models])
        labels.append(answers)
        bar.update(step)
    if not labels or any(each is None for each in labels):
        raise DynresError("The nets need labelled images. Received: data without.")
    return np.concatenate(found, axis=1), np.concatenate(labels)


def _probabilities(model, images):
    outputs = np.asarray(model.predict_on_batch(images), "float32")
    if graph.gives_probabilities(model):
        return outputs
    return np.asarray(ops.softmax(outputs, axis=-1))
