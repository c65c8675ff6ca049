"""Accuracies of instances that were not measured, guessed from those that were."""

import dataclasses
import itertools

import numpy as np

from keras_dynres import text
from keras_dynres.errors import DynresError
from keras_dynres.evaluation.curves import metric_of
from keras_dynres.instance import Menu

# Weighs against large coefficients where few instances were measured.
_RIDGE = 1e-3


@dataclasses.dataclass(frozen=True)
class Guess:
    """How good the guesses are.

    Attributes:
        error: Root mean square error of the guess for each measured instance, made
            without it.
        spread: Standard deviation of what was measured: the error of always guessing
            the mean.
        measured: How many instances were measured.
        metric: The figure that was guessed.
    """

    error: float
    spread: float
    measured: int
    metric: str = "accuracy"

    def __str__(self):
        error = text.figure(self.error, self.metric)
        spread = text.figure(self.spread, self.metric)
        return (
            f"Guessed from {self.measured} instances: off by {error} (each left out in "
            f"turn), where the measured ones spread by {spread}."
        )


def guess(menu: Menu, metric: str | None = None) -> Guess:
    """Records `predicted_accuracy`, or what else is guessed, for every instance.

    A quadratic in the instances' settings (the logarithms of the scales of a
    `Resizable`) is fitted to the measured ones. Its error is stated for instances that
    the fit has not seen.

    Args:
        menu: A `Menu` whose instances have numbers for settings, the same for all.
        metric: The measured figure to guess, by default the menu's own; `predicted_`
            stands before its name.

    Returns:
        A `Guess`.

    Example:

    >>> scales = [(a, b) for a in (0.5, 0.7, 1.0) for b in (0.5, 0.7, 1.0)]
    >>> menu = kd.Menu(
    ...     kd.Instance(f"s{a}-{b}", {"a": a, "b": b}, macs=int(1e6 * (a + b)))
    ...     for a, b in scales
    ... )
    >>> for instance in list(menu)[:8]:
    ...     menu.record(instance.name, accuracy=0.5 + 0.2 * instance.settings["a"])
    >>> quality = guess(menu)
    >>> round(menu["s1.0-1.0"].measured["predicted_accuracy"], 2)
    0.7
    """
    metric = metric_of(menu, metric)
    features = np.stack([_features(instance) for instance in menu])
    figures = [instance.figure(metric) for instance in menu]
    is_measured = np.array([figure is not None for figure in figures])
    count = int(is_measured.sum())
    if count < features.shape[1]:
        raise DynresError(
            f"A guess needs at least {features.shape[1]} measured instances. "
            f"Received: {count} with a figure {metric!r}"
        )
    x, y = features[is_measured], np.array([f for f in figures if f is not None])
    # Not the constant, which stands first.
    weight = _RIDGE * np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    solve = np.linalg.pinv(x.T @ x + weight) @ x.T
    coefficients = solve @ y
    # By how much an instance is missed when it is left out, without as many fits.
    misses = (y - x @ coefficients) / (1 - np.einsum("ij,ji->i", x, solve))
    for instance, row in zip(list(menu), features, strict=True):
        menu.record(instance.name, **{f"predicted_{metric}": float(row @ coefficients)})
    return Guess(float(np.sqrt((misses**2).mean())), float(y.std()), count, metric)


def _features(instance):
    """One, the settings' logarithms, and their products by two."""
    values = list(instance.settings.values())
    if not values or not all(isinstance(v, (int, float)) and v > 0 for v in values):
        raise DynresError(
            "Guessing needs instances whose settings are positive numbers. "
            f"Received: {instance.name!r} with settings {dict(instance.settings)}"
        )
    logs = np.log(values)
    pairs = itertools.combinations_with_replacement(logs, 2)
    return np.array([1.0, *logs, *(a * b for a, b in pairs)])
