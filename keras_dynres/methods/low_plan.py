"""When steps are low: what each epoch's beginning settles, and what its end tells."""

import collections
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.core.plan import Plan
from keras_dynres.core.steps import InstanceSteps
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL

LOW = "low"
# A rate this much lower than an epoch before has dropped; halving is a drop.
_DROP = 0.5 * (1 + 1e-5)


class LowPlan(Plan):
    """Full and low steps, in shares that an epoch's beginning settles.

    Args:
        probability: How likely a step is low: a number, or one for each epoch.
        alternate: Whether low steps come at even distances instead of by chance.
        full_after_drop: In how many epochs, from one in which the learning rate is at
            most half of what it was, no step is low.
        full_at_end: In how many of the last epochs no step is low.
        seed: Seeds the drawing.

    Attributes:
        share: How likely a step is low in the epoch that `fit` is in.

    Example:

    >>> plan = LowPlan(1 / 3, alternate=True)
    >>> [plan.names_at(step) for step in range(3)]
    [['full'], ['full'], ['low']]
    """

    def __init__(
        self,
        probability: float | Sequence[float] = 0.5,
        alternate: bool = False,
        full_after_drop: int = 4,
        full_at_end: int = 0,
        seed: int = 0,
    ):
        _check_counts(full_after_drop=full_after_drop, full_at_end=full_at_end)
        self.probability = _probabilities(probability)
        self.alternate = bool(alternate)
        self.full_after_drop = int(full_after_drop)
        self.full_at_end = int(full_at_end)
        low = float(np.mean(self.probability))
        super().__init__({FULL: 1 - low, LOW: low}, seed)
        self.share = self._probability(0)
        self._step, self._promised = 0, {}

    def odds_at(self, step: int) -> dict[str, float]:
        """How likely each instance is in the epoch that `fit` is in."""
        low = float(is_turn(step, self.share)) if self.alternate else self.share
        return {FULL: 1 - low, LOW: low}

    def names_at(self, step: int) -> list[str]:
        """The instance of a step; its batch may have been shrunk for it already."""
        return self._promised.get(int(step)) or super().names_at(step)

    def end(self):
        """Forgets which batches were shrunk: a training ended."""
        self._promised = {}

    def check(self, epochs: int):
        """Refuses a training of more epochs than there are probabilities."""
        if isinstance(self.probability, list) and len(self.probability) < epochs:
            raise DynresError(
                "There is one probability for each epoch. Received: "
                f"{len(self.probability)} probabilities and epochs={epochs}"
            )

    def begin_epoch(
        self, epoch: int, epochs: int, optimizer: Any, drop: keras.Variable
    ):
        """Settles how likely low steps are in an epoch.

        Args:
            epoch: The epoch, counted from 0.
            epochs: How many there are.
            optimizer: The model's, whose learning rate may have dropped.
            drop: The rate as the epoch before began, and the epoch before which steps
                are full; rewritten.
        """
        rate = float(ops.convert_to_numpy(optimizer.learning_rate + 0))
        before, full_until = (float(x) for x in np.asarray(drop + 0))
        full_until = after_drop(rate, before, full_until, epoch, self.full_after_drop)
        drop.assign([rate, full_until])
        shares = self.probability
        last = len(shares) if isinstance(shares, list) else epochs
        full = epoch < full_until or epoch >= last - self.full_at_end
        self.share = 0.0 if full else self._probability(epoch)
        self._step = int(optimizer.iterations + 0)

    def low_steps(self) -> Iterator[bool]:
        """Says of each coming step whether it is low, and keeps to it."""
        # A dict of its own: an iteration that was given up may still read ahead.
        promised = self._promised = {}
        for step in itertools.count(self._step):
            names = promised[step] = super().names_at(step)
            yield names == [LOW]

    def _probability(self, epoch):
        shares = self.probability
        return shares[epoch] if isinstance(shares, list) else shares


def after_drop(
    rate: float, before: float, full_until: float, epoch: int, full_epochs: int
) -> float:
    """The epoch before which steps are full, as the learning rate has it.

    >>> after_drop(rate=0.01, before=0.1, full_until=0, epoch=80, full_epochs=4)
    84

    Args:
        rate: The learning rate as the epoch begins.
        before: The rate as the epoch before began; 0 if there was none.
        full_until: What this function returned an epoch before.
        epoch: The epoch, counted from 0.
        full_epochs: How many epochs are full from a drop on.
    """
    if epoch == 0:
        return 0
    return epoch + full_epochs if rate <= _DROP * before else full_until


def is_turn(step: int, share: float) -> bool:
    """Whether a step is low where low steps come at even distances.

    >>> [is_turn(step, 1 / 3) for step in range(6)]
    [False, False, True, False, False, True]
    """
    return int((step + 1) * share) > int(step * share)


class TimedSteps:
    """A train function that counts the steps of full and low, and times a few.

    Args:
        steps: The model's `InstanceSteps`.
    """

    # At the beginning of each epoch: waiting for every step would keep a GPU waiting.
    TIMED = 16

    def __init__(self, steps: InstanceSteps):
        self._steps = steps
        self._warm = set()
        self._seconds = collections.defaultdict(
            lambda: collections.deque(maxlen=self.TIMED)
        )
        self.begin_epoch()

    def begin_epoch(self):
        """Counts anew."""
        self._counts = collections.Counter()
        self._left = self.TIMED

    def rewind(self):
        """As `InstanceSteps.rewind`."""
        self._steps.rewind()

    def __call__(self, *args: Any) -> Any:
        """Runs the step."""
        start = time.perf_counter()
        result = self._steps(*args)
        (name,) = self._steps.drawn
        self._counts[name] += 1
        if self._left:
            self._left -= 1
            _wait_for(result)
            # An instance's first step is compiled in it.
            if name in self._warm:
                self._seconds[name].append(time.perf_counter() - start)
        self._warm.add(name)
        return result

    def logs(self) -> dict[str, float]:
        """The share of low steps in the epoch, and the seconds they saved.

        What a low step saves is the difference of the median steps; 0 until both have
        been timed.
        """
        full, low = (list(self._seconds[name]) for name in (FULL, LOW))
        saved = statistics.median(full) - statistics.median(low) if full and low else 0
        steps = max(1, self._counts.total())
        return {
            "low_share": self._counts[LOW] / steps,
            "seconds_saved": self._counts[LOW] * saved,
        }


class EpochCalls(keras.callbacks.Callback):
    """Tells a `LowMode`'s plan of each epoch's beginning, and adds to its logs."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None):
        """Settles how often steps are low."""
        model = self.model
        epochs = self.params["epochs"]
        model.plan.begin_epoch(epoch, epochs, model.optimizer, model.rate_drop)
        model.train_function.begin_epoch()

    def on_epoch_end(self, epoch: int, logs: dict | None = None):
        """Adds `low_share` and `seconds_saved`."""
        logs.update(self.model.train_function.logs())


def _wait_for(result):
    logs = result[0] if isinstance(result, tuple) else result
    for value in keras.tree.flatten(logs):
        np.asarray(value)


def _probabilities(probability):
    single = isinstance(probability, Real)
    shares = [probability] if single else list(probability)
    if not shares or not all(isinstance(p, Real) and 0 <= p <= 1 for p in shares):
        raise DynresError(
            "probability is a number in [0, 1], or one for each epoch. "
            f"Received: probability={probability!r}"
        )
    return float(probability) if single else [float(p) for p in shares]


def _check_counts(**counts):
    for key, value in counts.items():
        if not isinstance(value, Integral) or value < 0:
            raise DynresError(f"{key} is a number of epochs. Received: {key}={value!r}")
