"""What exits say of labelled images; budgets are solved and measured on it."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres.core.batches import batches, class_indices
from keras_dynres.errors import DynresError
from keras_dynres.exits import rules, worth
from keras_dynres.exits.policy import Policy
from keras_dynres.instance import Menu


@dataclasses.dataclass(frozen=True)
class Answers:
    """What every exit said of the same labelled images, and what exits cost.

    Args:
        probabilities: What each exit says, (exits, images, classes).
        labels: The images' classes, (images,).
        first: The first batch of the images, to measure time on.
        macs: MACs of an image that leaves at each exit.
        flops: FLOPs likewise.
        exits: The exits' names.
        model: The model's name.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    first: np.ndarray
    macs: Sequence[int]
    flops: Sequence[int]
    exits: Sequence[str] | None = None
    model: str = "model"

    @classmethod
    def of(
        cls,
        predict: Callable[[np.ndarray], list[np.ndarray]],
        data: Any,
        verbose: bool = False,
        **facts: Any,
    ) -> "Answers":
        """The answers of what is asked batch by batch.

        Args:
            predict: From a batch of images to the probabilities of every exit.
            data: Images with labels, in any form that `core.batches` takes.
            verbose: Whether to show a progress bar.
            **facts: The other fields.
        """
        rows, labels, first = [], [], None
        bar = keras.utils.Progbar(None, verbose=int(verbose), unit_name="batch")
        for number, (images, answers) in enumerate(batches(data), 1):
            if answers is None:
                _refuse("data without labels")
            first = images if first is None else first
            rows.append(predict(images))
            labels.append(class_indices(answers))
            bar.update(number)
        if not rows:
            _refuse("data that held no batch")
        return cls(np.concatenate(rows, axis=1), np.concatenate(labels), first, **facts)

    @property
    def accuracies(self) -> np.ndarray:
        """The share of the images that each exit gets right."""
        return (self.probabilities.argmax(axis=-1) == self.labels).mean(axis=1)

    def solve(
        self,
        budgets: float | Iterable[float],
        rule: str,
        times: Sequence[float] | None = None,
        held_out: Mapping | None = None,
    ) -> list[Policy]:
        """A policy for each budget of MACs, or of milliseconds where times are."""
        about = {"exits": self.exits, "model": self.model, "held_out": held_out}
        unit = "macs" if times is None else "latency_ms"
        costs = self.macs if times is None else times
        seen = self.probabilities, self.labels, costs
        budgets = np.atleast_1d(budgets).astype("float64").tolist()
        return rules.solve_each(*seen, budgets, rule, unit=unit, **about)

    def anytime(self) -> Menu:
        """The menu of the exits; see `anytime_menu`."""
        return worth.anytime_menu(*self._priced, self.exits)

    def budgeted(self, policies: Iterable[Policy], data: str) -> Menu:
        """The menu of policies; see `budgeted_menu`."""
        return worth.budgeted_menu(policies, *self._priced, data)

    @property
    def _priced(self) -> tuple:
        return self.probabilities, self.labels, self.macs, self.flops


def _refuse(received: str) -> None:
    raise DynresError(
        "What exits are worth is measured on labelled images, a batch at least. "
        f"Received: {received}."
    )
