"""In-place distillation: a step's first instance teaches the others of the step."""

from typing import Any

import keras
from keras import ops

from keras_dynres import graph
from keras_dynres.core.distillation import divergence

# What the first instance's logs and the others' labels call its outputs.
TAUGHT = "taught"


def hand_on(batch: tuple, logs: dict) -> tuple:
    """The same images with the first instance's outputs beside the labels."""
    taught = logs.pop(TAUGHT, None)
    if taught is None:
        return batch
    images, labels, *rest = batch
    return (images, {"labels": labels, TAUGHT: taught}, *rest)


def is_taught(labels: Any) -> bool:
    """Whether an instance is to learn from another's outputs."""
    return isinstance(labels, dict) and TAUGHT in labels


def distance(base: keras.Model, outputs: Any, taught: Any) -> Any:
    """How far an instance's outputs are from those it is taught, a mean for each."""
    pairs = zip(keras.tree.flatten(outputs), keras.tree.flatten(taught), strict=True)
    return sum(
        divergence([own, other], [1.0], 1.0, not graph.gives_probabilities(base, place))
        for place, (own, other) in enumerate(pairs)
    )


def with_losses(loss: Any, losses: list) -> Any:
    """The loss and those that layers added."""
    return ops.sum(ops.stack([loss, *losses]))
