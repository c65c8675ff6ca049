"""What a network gives for a batch of images: one output, or several with names."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres.errors import DynresError, UnknownNameError, did_you_mean


def part_of(outputs: Any, name: str | int | None, kind: str = "output") -> Any:
    """The one output, or label, that is meant.

    >>> part_of({"boxes": 1, "classes": 2}, "classes")
    2

    Args:
        outputs: A tensor or array, or a dict or list of such.
        name: Its name, or its position in a list; None where there is only one.
        kind: What the parts are, as an error says it.
    """
    if isinstance(outputs, Mapping):
        parts = dict(outputs)
    elif isinstance(outputs, (list, tuple)):
        parts = dict(enumerate(outputs))
    elif name is None or kind != "output":
        return outputs
    else:
        raise DynresError(
            f"The network has one output, which needs no name. Received: {name!r}."
        )
    if name is None and len(parts) == 1:
        return next(iter(parts.values()))
    if name is None:
        raise DynresError(
            f"There are several {kind}s, so say which is meant. "
            f"Received: output=None.{did_you_mean(name, parts)}"
        )
    if name not in parts:
        raise UnknownNameError(kind, name, parts)
    return parts[name]


def with_output(model: keras.Model, name: str | int | None) -> keras.Model:
    """A functional model of the one output that is meant, over the same layers.

    Args:
        model: A functional `keras.Model`; itself where it has no other output.
        name: As of `part_of`.
    """
    output = part_of(model.output, name)
    return model if output is model.output else keras.Model(model.input, output)


def predict_padded(model: Any, images: np.ndarray, size: int) -> Any:
    """One batch's outputs; a short batch is padded so that no step is retraced.

    Args:
        model: A `keras.Model`.
        images: The batch.
        size: Images of a whole batch.

    Returns:
        What the model gives, in NumPy and float32.
    """
    count, short = len(images), max(size - len(images), 0)
    if short:
        images = np.concatenate([images, np.repeat(images[-1:], short, axis=0)])
    return keras.tree.map_structure(
        lambda output: np.asarray(output).astype("float32")[:count],
        model.predict_on_batch(images),
    )


def refuse_maps(shape: Sequence[int | None], what: str) -> None:
    """Refuses maps of answers where one answer an image is needed.

    Args:
        shape: That of the answers, without the axis of the classes: `(images,)`.
        what: What needs them, as the error says it.
    """
    if len(shape) != 1:
        raise DynresError(
            f"{what} needs one answer an image, which a row of logits gives. "
            f"Received: answers of shape {tuple(shape)}."
        )
