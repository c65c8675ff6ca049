"""Formulas that the rules of layers and of `keras.ops` have in common."""

from collections.abc import Sequence
from math import ceil, prod
from typing import Any

from keras_dynres.cost.record import Rule, Shape, Shapes, Work
from keras_dynres.errors import DynresError
from keras_dynres.layers.adaptive_pooling import window_bounds

# Cells a side that an output element of a resized image is made of.
_TAPS = {"nearest": 1, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}


def free(layer: Any, inputs: Shapes, outputs: Shapes) -> Work:
    """The rule of what moves numbers and computes none."""
    return Work()


def reshaped(layer: Any, inputs: Shapes, outputs: Shapes) -> Work:
    """The rule of reshaping: free, if an image's elements stay the image's."""
    if prod(inputs[0]) != prod(outputs[0]):
        raise DynresError(
            f"Layer {layer.name!r} moves elements between the batch axis and others, "
            "so there is no cost per image. "
            f"Received: shapes {inputs[0]} to {outputs[0]}"
        )
    return Work()


def per_element(flops: int) -> Rule:
    """The rule of what does so many operations per output element."""
    return lambda layer, inputs, outputs: Work(0, flops * prod(outputs[0]))


def per_input_element(flops: int) -> Rule:
    """The rule of what does so many operations per element it reads."""
    return lambda layer, inputs, outputs: Work(0, flops * prod(inputs[0]))


def product(macs: int) -> Work:
    """Work of so many multiply-accumulates."""
    return Work(macs, 2 * macs)


def pooled(read: int) -> Work:
    """Work of pooling that reads so many elements, overlaps read anew."""
    return Work(0, read, read)


def adaptive_pooled(shape: Shape, cells: Sequence[int], data_format: str) -> Work:
    """Work of adaptive pooling: the area of every window."""
    spatial = shape[:-1] if data_format == "channels_last" else shape[1:]
    channels = prod(shape) // prod(spatial)
    lengths = [
        sum(end - start for start, end in window_bounds(size, new))
        for size, new in zip(spatial, cells, strict=True)
    ]
    return pooled(channels * prod(lengths))


def resized(layer: Any, shape: Shape, new_shape: Shape) -> Work:
    """Work of resizing: a product per cell read and the additions between them.

    Antialiasing widens the cells read when the image shrinks.
    """
    method = getattr(layer, "interpolation", "nearest")
    if method not in _TAPS:
        raise DynresError(
            f"Layer {layer.name!r} resizes in a way whose cost is unknown; known are "
            f"{', '.join(_TAPS)}. Received: interpolation={method!r}"
        )
    taps = _TAPS[method]
    if taps == 1 or shape == new_shape:
        return Work()
    read = 1
    for size, new in zip(shape, new_shape, strict=True):
        if size != new:
            shrink = size / new if getattr(layer, "antialias", False) else 1
            read *= ceil(taps * max(1, shrink))
    return Work(0, (2 * read - 1) * prod(new_shape))


def contracted(layer: Any, equation: str, shapes: Shapes) -> int:
    """How many products an element of an einsum's output sums up."""
    terms, _, out = equation.replace(" ", "").partition("->")
    sizes = {}
    for term, shape in zip(terms.split(","), shapes, strict=True):
        # From the right, as an image's shape lacks the batch axis.
        head, _, tail = term.rpartition("...")
        for place, letter in enumerate(reversed(tail), 1):
            if letter not in out:
                sizes[letter] = shape[-place]
        if len(shapes) != 2 or not out or not set(head) <= set(out):
            raise DynresError(
                f"What layer {layer.name!r} costs is not known: products of two "
                "operands over letters behind an ellipsis are. "
                f"Received: equation={equation!r}"
            )
    return prod(sizes.values())
