"""What every exit got right, and how sure it was: all that a policy depends on."""

import dataclasses
import functools

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.exits import checking


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """Every image's outcome at every exit.

    Attributes:
        confidences: Largest probability, (exits, images), float64.
        correct: Whether the likeliest class is the label, (exits, images).
        costs: Cost of an image that leaves at each exit.
    """

    confidences: np.ndarray
    correct: np.ndarray
    costs: np.ndarray

    @classmethod
    def of(cls, probabilities, labels, costs):
        """The outcomes of checked arrays."""
        probabilities = checking.probabilities(probabilities)
        exits, images, classes = probabilities.shape
        labels = checking.labels(labels, images, classes)
        costs = checking.costs(costs, exits)
        correct = probabilities.argmax(axis=-1) == labels
        return cls(sureness(probabilities), correct, costs)

    @classmethod
    def held_out(cls, probabilities, labels, costs):
        """Outcomes enough to fit thresholds on: an image for each exit at least."""
        seen = cls.of(probabilities, labels, costs)
        if seen.images < len(seen.costs):
            raise DynresError(
                f"Thresholds of {len(seen.costs)} exits need as many held-out images "
                f"at least. Received: {seen.images} images."
            )
        return seen

    @property
    def images(self):
        """How many images were seen."""
        return self.correct.shape[1]

    @functools.cached_property
    def surest_first(self):
        """Positions of the images, a row for each exit, its surest first."""
        return np.argsort(-self.confidences, axis=1)

    def part(self, indices):
        """The outcomes of some of the images."""
        confidences, correct = self.confidences[:, indices], self.correct[:, indices]
        return Outcomes(confidences, correct, self.costs)

    def under(self, thresholds):
        """(exit, correct, cost) of each image when it leaves by `thresholds`."""
        exits = first_sure(self.confidences, thresholds)
        correct = self.correct[exits, np.arange(self.images)]
        return exits, correct, self.costs[exits]

    def worth(self, thresholds):
        """(accuracy, mean cost) under `thresholds`."""
        _, correct, costs = self.under(thresholds)
        return float(correct.mean()), float(costs.mean())


def sureness(probabilities):
    """Largest probability of each image at each exit, in float64."""
    # Rounding may take a softmax just above 1, which no threshold reaches.
    return np.minimum(probabilities.max(axis=-1).astype("float64"), 1.0)


def is_sure(confidences, thresholds):
    """Who is sure enough to leave.

    In float64: NumPy would round a threshold to the confidences' precision, and an
    image that lies between would leave here and stay there.
    """
    return np.asarray(confidences).astype("float64") >= thresholds


def first_sure(confidences, thresholds):
    """The first exit at which each image is sure enough; the last takes all."""
    sure = is_sure(confidences, np.asarray(thresholds)[:, None])
    sure[-1] = True
    return sure.argmax(axis=0)
