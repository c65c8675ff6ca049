"""What a training step trains."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_dynres.errors import one_of


class Plan:
    """Which instances each training step trains, drawn from seed and step alone.

    So a resumed run draws what an unbroken one would have drawn. A callback that steers
    training sets what the plan has to offer, such as its `target`.

    Args:
        odds: How often training draws each instance; they sum to one.
        seed: Seeds the drawing: step `n` always draws the same.

    Example:

    >>> plan = Plan({"full": 0.5, "half": 0.5}, seed=1)
    >>> [plan.names_at(step) for step in range(3)]
    [['half'], ['full'], ['full']]
    >>> plan.target = "full"
    >>> plan.names_at(0)
    ['full']
    """

    # Whether the first instance of a step teaches the others: it is given the labels,
    # they are given its outputs.
    teaches = False

    def __init__(self, odds: Mapping[str, float], seed: int = 0):
        self._odds = dict(odds)
        self.seed = int(seed)
        self._target = None

    @property
    def target(self) -> str | None:
        """The one instance to train, where the draw is not asked.

        It is None as a training begins.
        """
        return self._target

    @target.setter
    def target(self, name: str | None):
        self._target = name if name is None else one_of("instance", name, self.odds)

    @property
    def odds(self) -> dict[str, float]:
        """How often training draws each instance, on average; they sum to one."""
        return dict(self._odds)

    def odds_at(self, step: int) -> dict[str, float]:
        """What `odds` says of one step, where it changes as training goes on."""
        del step
        return self.odds

    def begin(self):
        """Forgets what callbacks asked for: a training begins."""
        self.target = None

    def names_at(self, step: int) -> list[str]:
        """The instances the optimizer's step `step` trains, on one batch.

        The gradients of several are summed.
        """
        return [self.target] if self.target else self.draw(step)

    def draw(self, step: int) -> list[str]:
        """The instances of a step without a target."""
        odds = self.odds_at(step)
        draw = np.random.default_rng([self.seed, int(step)])
        return [str(draw.choice(list(odds), p=list(odds.values())))]

    def weights(self, model: keras.Model, name: str) -> list:
        """The weights a step of an instance trains; others stay as they are."""
        return model.at(name, uncalibrated=True, training=True).trainable_weights

    def hand_on(self, batch: Any, logs: dict) -> Any:
        """What the next instance of a step is given, after the logs of the one before.

        The same batch, unless an instance is to learn from another.
        """
        del logs
        return batch


class Joint(Plan):
    """Every step trains all instances at once: the base's outputs, and all weights.

    Args:
        name: The instance that stands for the whole base.
        names: All instances.

    Example:

    >>> Joint("full", ["exit1", "full"]).odds
    {'exit1': 0.0, 'full': 1.0}
    """

    def __init__(self, name: str, names: list[str], seed: int = 0):
        super().__init__({other: float(other == name) for other in names}, seed)

    def weights(self, model: keras.Model, name: str) -> list:
        """Those of all instances."""
        del name
        return model.base.trainable_weights


def uniform(names: list[str], seed: int = 0) -> Plan:
    """One instance a step, each as likely.

    >>> uniform(["full", "half"]).odds
    {'full': 0.5, 'half': 0.5}
    """
    return Plan(dict.fromkeys(names, 1 / len(names)), seed)
