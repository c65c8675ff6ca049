"""What the training steps of a sampled network train."""

from collections.abc import Sequence

import numpy as np

from keras_dynres.core import lessons
from keras_dynres.core.plan import Plan, uniform
from keras_dynres.instance import FULL

_SAMPLED = "sampled"


def sampled_alone(names: Sequence[str], seed: int = 0) -> Plan:
    """Every step trains `sampled`, as the paper.

    >>> sampled_alone(["full", "sampled"]).odds
    {'full': 0.0, 'sampled': 1.0}
    """
    return Plan({name: float(name == _SAMPLED) for name in names}, seed)


class SandwichDensities(Plan):
    """`full`, `sampled` and a random density, which learn from `full`.

    >>> SandwichDensities(["full", "sampled", "d0.5"]).names_at(0)
    ['full', 'sampled', 'd0.5']
    """

    teaches = True

    def __init__(self, names: Sequence[str], seed: int = 0):
        self._always = [name for name in (FULL, _SAMPLED) if name in names]
        self._rest = [name for name in names if name not in self._always]
        parts = len(self._always) + bool(self._rest)
        odds = dict.fromkeys(self._always, 1 / parts)
        odds.update({name: 1 / parts / len(self._rest) for name in self._rest})
        super().__init__(odds, seed)

    def draw(self, step: int) -> list[str]:
        """`full` first: the others are given its outputs."""
        draw = np.random.default_rng([self.seed, int(step)])
        chosen = [str(draw.choice(self._rest))] if self._rest else []
        return [*self._always, *chosen]

    def hand_on(self, batch: tuple, logs: dict) -> tuple:
        """The batch with the first instance's outputs in it."""
        return lessons.hand_on(batch, logs)


class JointDensities(SandwichDensities):
    """The same instances, which all learn from the labels.

    >>> JointDensities(["full", "sampled", "d0.5"]).names_at(0)
    ['full', 'sampled', 'd0.5']
    """

    teaches = False

    def hand_on(self, batch: tuple, logs: dict) -> tuple:
        """The same batch."""
        del logs
        return batch


PLANS = {
    "sampled": sampled_alone,
    "random": uniform,
    "sandwich": SandwichDensities,
    "joint": JointDensities,
}
