"""A policy fitted to held-out images: thresholds out of the shares that leave."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres.errors import DynresError
from keras_dynres.exits import checks
from keras_dynres.exits.policy import Policy, is_sure


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What every exit got right, and how sure it was: all that a policy depends on.

    Attributes:
        confidences: Largest probability, (exits, images), float64.
        correct: Whether the likeliest class is the label, (exits, images).
        costs: Cost of an image that leaves at each exit.
    """

    confidences: np.ndarray
    correct: np.ndarray
    costs: np.ndarray

    @classmethod
    def of(
        cls, probabilities: ArrayLike, labels: ArrayLike, costs: ArrayLike
    ) -> "Outcomes":
        """The outcomes of checked arrays."""
        probabilities = checks.probabilities(probabilities)
        exits, images, classes = probabilities.shape
        labels = checks.labels(labels, images, classes)
        costs = checks.costs(costs, exits)
        correct = probabilities.argmax(axis=-1) == labels
        return cls(sureness(probabilities), correct, costs)

    @classmethod
    def held_out(
        cls, probabilities: ArrayLike, labels: ArrayLike, costs: ArrayLike
    ) -> "Outcomes":
        """Outcomes enough to fit thresholds on: an image for each exit at least."""
        seen = cls.of(probabilities, labels, costs)
        if seen.images < len(seen.costs):
            raise DynresError(
                f"Thresholds of {len(seen.costs)} exits need as many held-out images "
                f"at least. Received: {seen.images} images."
            )
        return seen

    @property
    def images(self) -> int:
        """How many images were seen."""
        return self.correct.shape[1]

    @functools.cached_property
    def surest_first(self) -> np.ndarray:
        """Positions of the images, a row for each exit, its surest first."""
        return np.argsort(-self.confidences, axis=1)

    def part(self, indices: np.ndarray) -> "Outcomes":
        """The outcomes of some of the images."""
        confidences, correct = self.confidences[:, indices], self.correct[:, indices]
        return Outcomes(confidences, correct, self.costs)

    def under(self, thresholds: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(exit, correct, cost) of each image when it leaves by `thresholds`."""
        exits = first_sure(self.confidences, thresholds)
        correct = self.correct[exits, np.arange(self.images)]
        return exits, correct, self.costs[exits]


# What a rule is: (q, shares) of each budget.
Spread = Callable[[Outcomes, Sequence[float]], list[tuple[float | None, np.ndarray]]]


def sureness(probabilities: np.ndarray) -> np.ndarray:
    """Largest probability of each image at each exit, in float64."""
    # Rounding may take a softmax just above 1, which no threshold reaches.
    return np.minimum(probabilities.max(axis=-1).astype("float64"), 1.0)


def first_sure(confidences: np.ndarray, thresholds: ArrayLike) -> np.ndarray:
    """The first exit at which each image is sure enough; the last takes all."""
    sure = is_sure(confidences, np.asarray(thresholds)[:, None])
    sure[-1] = True
    return sure.argmax(axis=0)


def assign(confidences: np.ndarray, shares: ArrayLike) -> tuple[float, ...]:
    """Thresholds by which `shares` of all images leave, exit after exit.

    The surest of the images still there leave first. By each exit at least its
    cumulative share has left, rounded up to whole images, so the mean cost is never
    above that of the shares, and below it by less than one image's. Images of equal
    confidence leave together, early; the exits after make up for it.

    Each threshold lies midway between the last image that leaves and the first that
    stays: what is predicted in other batches may differ in the last digits.

    Args:
        confidences: (exits, images).
        shares: The share of all images that leaves at each exit.

    Returns:
        A tuple of floats, the last 0.

    Example:

    >>> assign(np.array([[0.9, 0.7, 0.5, 0.3], [1.0, 1.0, 1.0, 1.0]]), [0.5, 0.5])
    (0.6, 0.0)
    """
    images = confidences.shape[1]
    # A millionth of an image is rounding, not an image.
    due = np.ceil(images * np.cumsum(shares) - 1e-6).astype(int)
    staying = np.arange(images)
    thresholds = []
    for row, left in zip(confidences[:-1], due, strict=False):
        threshold = _threshold(row[staying], left - (images - len(staying)))
        staying = staying[row[staying] < threshold]
        thresholds.append(threshold)
    return (*thresholds, 0.0)


def _threshold(confidences: np.ndarray, leaving: int) -> float:
    """The threshold that the surest `leaving` images pass, and those that tie."""
    if leaving >= len(confidences):
        return 0.0
    if leaving <= 0:
        return 1.0
    ordered = np.sort(confidences)
    least = ordered[-leaving]
    below = ordered[: np.searchsorted(ordered, least)]
    return midway(below[-1], least) if len(below) else 0.0


def midway(low: float, high: float) -> float:
    """Midway between two confidences, where only the higher one passes."""
    middle = (low + high) / 2
    return float(middle if middle > low else high)


def policy(
    rule: str,
    q: float | None,
    shares: ArrayLike,
    seen: Outcomes,
    budget: float,
    curve: Sequence[Mapping],
    about: Mapping,
) -> Policy:
    """The `Policy` by which shares leave, and what it costs on the held-out images.

    Args:
        rule: The name of the rule that said so.
        q: Its q, None where it has none.
        shares: The share of all images that leaves at each exit.
        seen: `Outcomes` of the held-out images.
        budget: Mean cost an image may have.
        curve: What other budgets are worth.
        about: What else the policy says: model, exits, unit, held_out.
    """
    costs = seen.costs
    thresholds = assign(seen.confidences, shares)
    exits, correct, paid = seen.under(thresholds)
    names = about["exits"] or [f"exit{k}" for k in range(1, len(costs) + 1)]
    return Policy(
        model=about["model"],
        exits=names,
        costs=costs,
        unit=about["unit"],
        budget=budget,
        thresholds=thresholds,
        q=q,
        rule=rule,
        fractions=np.bincount(exits, minlength=len(costs)) / seen.images,
        expected_cost=float(paid.mean()),
        interval=_interval(paid, costs),
        accuracy=float(correct.mean()),
        held_out={**(about["held_out"] or {}), "count": seen.images},
        curve=curve,
    )


def point(
    held_out: Outcomes, test: Outcomes, q: float | None, shares: ArrayLike
) -> dict:
    """What shares are worth: thresholds from one set of images, figures from one."""
    _, correct, paid = test.under(assign(held_out.confidences, shares))
    return {"cost": float(paid.mean()), "accuracy": float(correct.mean()), "q": q}


def _interval(paid: np.ndarray, costs: np.ndarray) -> tuple[float, ...]:
    """The normal 95 % interval of a mean, inside what an image can cost."""
    spread = paid.std(ddof=1) if len(paid) > 1 else 0.0
    reach = 1.959964 * spread / len(paid) ** 0.5
    ends = paid.mean() - reach, paid.mean() + reach
    return tuple(np.clip(ends, costs[0], costs[-1]).tolist())
