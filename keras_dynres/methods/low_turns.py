"""When steps are low: what each epoch's beginning settles, and what its end tells."""

import collections
import statistics
import time

import keras
import numpy as np

from keras_dynres.instance import FULL

LOW = "low"
# A rate this much lower than an epoch before has dropped; halving is a drop.
_DROP = 0.5 * (1 + 1e-5)


def after_drop(rate, before, full_until, epoch, full_epochs):
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


def is_turn(step, share):
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

    def __init__(self, steps):
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

    def __call__(self, *args):
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

    def logs(self):
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
    """Tells a `LowMode` of each epoch's beginning, and adds to the epoch's logs."""

    def on_epoch_begin(self, epoch, logs=None):
        """Settles how often steps are low."""
        self.model.begin_epoch(epoch, self.params["epochs"])

    def on_epoch_end(self, epoch, logs=None):
        """Adds `low_share` and `seconds_saved`."""
        logs.update(self.model.train_function.logs())


def _wait_for(result):
    logs = result[0] if isinstance(result, tuple) else result
    for value in keras.tree.flatten(logs):
        np.asarray(value)
