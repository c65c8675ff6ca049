"""What the steps of a resizable network train: which scales together, on one batch."""

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from keras_dynres.core import lessons
from keras_dynres.core.plan import Plan
from keras_dynres.errors import DynresError

Scales = tuple[float, ...]


def configurations(scales: Sequence[float], stages: int) -> list[Scales]:
    """All configurations, a tuple of one scale a stage.

    >>> configurations((0.5, 1.0), stages=2)
    [(0.5, 0.5), (0.5, 1.0), (1.0, 0.5), (1.0, 1.0)]
    """
    return list(itertools.product(scales, repeat=stages))


class RandomScales(Plan):
    """Any instances, drawn independently; the base of the other rules.

    >>> plan = RandomScales((0.5, 1.0), stages=2, name=str, samples=2)
    >>> len(plan.names_at(0))
    2

    Args:
        scales: The scales.
        stages: How many stages there are.
        name: A function from a configuration to its instance's name.
        samples: How many instances a step trains; by default as the rule has it.
        pool: From how many instances training draws at most, the largest and the
            smallest among them; None, or as many as there are, is all.
        seed: Seeds the drawing.
    """

    least = 1  # samples

    def __init__(
        self,
        scales: Sequence[float],
        stages: int,
        name: Callable[[Scales], str],
        samples: int | None = None,
        pool: int | None = None,
        seed: int = 0,
    ):
        self.scales, self.stages = tuple(scales), stages
        self.samples = self._usual() if samples is None else int(samples)
        self._check(pool)
        self._name = name
        is_all = pool is None or pool >= len(self.scales) ** stages
        # How many drawings there are; None is one for each step.
        self._drawings = None if is_all else pool // self.samples
        super().__init__({}, seed)

    @functools.cached_property
    def _odds_over_drawings(self):
        names = [self._name(s) for s in configurations(self.scales, self.stages)]
        if self._drawings is None:
            return self._odds_of_all(names)
        drawn = [n for number in range(self._drawings) for n in self._pooled(number)]
        return {name: drawn.count(name) / len(drawn) for name in names}

    @property
    def odds(self) -> dict[str, float]:
        """How often training draws each instance; they sum to one."""
        return dict(self._odds_over_drawings)

    def draw(self, step: int) -> list[str]:
        """The instances of a step, from the pool's drawings where there is a pool."""
        if self._drawings is None:
            return self._drawn(int(step))
        draw = np.random.default_rng([self.seed, int(step)])
        return self._pooled(int(draw.integers(self._drawings)))

    def together(self, draw: np.random.Generator) -> list[Scales]:
        """The configurations of one drawing."""
        return self._random(draw, self.samples)

    def _usual(self):
        return 1

    def _odds_of_all(self, names):
        return dict.fromkeys(names, 1 / len(names))

    def _drawn(self, number):
        draw = np.random.default_rng([self.seed, number])
        return [self._name(scales) for scales in self.together(draw)]

    def _pooled(self, number):
        """A drawing of the pool, which begins with the largest and the smallest."""
        names = self._drawn(number)
        first = number * self.samples
        ends = [self._name(scales) for scales in self._ends()]
        pinned = ends[first : first + self.samples]
        return [*pinned, *names[len(pinned) :]]

    def _ends(self):
        return [(max(self.scales),) * self.stages, (min(self.scales),) * self.stages]

    def _random(self, draw, count):
        """Drawn independently, with every scale as likely at each stage."""
        places = draw.integers(len(self.scales), size=(count, self.stages))
        return [tuple(self.scales[i] for i in row) for row in places]

    def _check(self, pool):
        if self.samples < self.least:
            raise DynresError(
                f"samples is at least {self.least}. Received: samples={self.samples}"
            )
        if pool is not None and pool < self.samples:
            raise DynresError(
                "The pool holds at least the instances of one step, "
                f"{self.samples}. Received: pool={pool}"
            )


class FairScales(RandomScales):
    """As many instances as scales; each scale stands once at each stage.

    >>> plan = FairScales((0.5, 1.0), stages=2, name=str)
    >>> plan.names_at(0)
    ['(0.5, 0.5)', '(1.0, 1.0)']
    """

    def together(self, draw: np.random.Generator) -> list[Scales]:
        """A permutation of the scales for each stage."""
        orders = [draw.permutation(len(self.scales)) for _ in range(self.stages)]
        return [
            tuple(self.scales[i] for i in places)
            for places in zip(*orders, strict=True)
        ]

    def _pooled(self, number):
        """One scale throughout in the first, so the largest and the smallest too."""
        if number:
            return self._drawn(number)
        return [self._name((scale,) * self.stages) for scale in self.scales]

    def _usual(self):
        return len(self.scales)

    def _check(self, pool):
        if self.samples != len(self.scales):
            raise DynresError(
                "A step of fair sampling trains each scale once, so it takes as many "
                f"samples as there are scales, {len(self.scales)}. "
                f"Received: samples={self.samples}"
            )
        super()._check(pool)


class SandwichScales(RandomScales):
    """The largest, the smallest and random ones, which learn from the largest.

    >>> plan = SandwichScales((0.5, 1.0), stages=2, name=str)
    >>> plan.names_at(0)[:2]
    ['(1.0, 1.0)', '(0.5, 0.5)']
    """

    least = 2
    teaches = True

    def together(self, draw: np.random.Generator) -> list[Scales]:
        """The largest first: the others are given its outputs."""
        return [*self._ends(), *self._random(draw, self.samples - 2)]

    def hand_on(self, batch: tuple, logs: dict) -> tuple:
        """The batch with the first instance's outputs in it."""
        return lessons.hand_on(batch, logs)

    def _usual(self):
        return 4

    def _odds_of_all(self, names):
        share = 1 - 2 / self.samples
        odds = dict.fromkeys(names, share / len(names))
        for end in self._ends():
            odds[self._name(end)] += 1 / self.samples
        return odds


RULES = {"fair": FairScales, "random": RandomScales, "sandwich": SandwichScales}
