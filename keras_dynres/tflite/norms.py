"""Batch norms, and the kernels into which the converter folds them."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from keras_dynres import graph

_TRANSPARENT = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.Identity,
)


def is_norm(layer: Any, rank: int) -> bool:
    """Whether a layer is a batch norm over the last axis."""
    return isinstance(layer, keras.layers.BatchNormalization) and layer.axis in (
        -1,
        rank - 1,
    )


def affine(
    layer: keras.layers.BatchNormalization, step: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of a batch norm in inference.

    Args:
        layer: The batch norm.
        step: The scale is rounded to whole multiples of it, unless one of them would
            change by more than a 64th; what the mean becomes stays what it was.
    """
    mean, variance = (
        np.asarray(v, "float64") for v in (layer.moving_mean, layer.moving_variance)
    )
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        scale = scale * np.asarray(layer.gamma, "float64")
    if step is not None:
        rounded = np.round(scale / step) * step
        scale = rounded if np.allclose(rounded, scale, 1 / 64, 0) else scale
    offset = -mean * scale
    if layer.beta is not None:
        offset = offset + np.asarray(layer.beta, "float64")
    return scale.astype("float32"), offset.astype("float32")


def producers(model: keras.Model, lenders: Mapping[int, int]) -> dict[int, int]:
    """Maps a tensor to the id of the kernel whose output it is, if any.

    Args:
        model: The graph.
        lenders: Maps a kernel's id to the id of that of which it is a copy.
    """
    kernels = {}
    for call in graph.calls(model):
        out = id(call.outputs[0])
        kernel = getattr(call.layer, "kernel", None)
        if kernel is not None:
            linear = getattr(call.layer, "activation", None)
            if linear in (None, keras.activations.linear):
                kernels[out] = lenders.get(id(kernel), id(kernel))
        elif isinstance(call.layer, _TRANSPARENT):
            producer = kernels.get(id(call.inputs[0]))
            if producer is not None:
                kernels[out] = producer
    return kernels


def disputed(
    graphs: Mapping[str, keras.Model], producers: Mapping[str, Mapping]
) -> set[int]:
    """Ids of kernels that do not fold alike everywhere.

    After one the graphs normalise with different scales, or only some of them
    normalise, as where one ends at what the kernel gave.
    """
    scales = {}
    for name, model in graphs.items():
        used = [(None, tensor) for tensor in model.outputs]
        for call in graph.calls(model):
            if not isinstance(call.layer, _TRANSPARENT):
                used += [(call, tensor) for tensor in call.inputs]
        for call, tensor in used:
            kernel = producers[name].get(id(tensor))
            if kernel is not None:
                scales.setdefault(kernel, set()).add(_scale(call))
    return {kernel for kernel, distinct in scales.items() if len(distinct) > 1}


def _scale(call: graph.Call | None) -> bytes | None:
    """By what a call multiplies what it is given, if it is a batch norm."""
    if call is None or not is_norm(call.layer, len(call.outputs[0].shape)):
        return None
    return affine(call.layer)[0].tobytes()


def key(layer: keras.layers.BatchNormalization) -> Any:
    """What norms in the same place of different graphs have in common."""
    return layer.name if layer.gamma is None else id(layer.gamma)


def steps(graphs: Iterable[keras.Model]) -> dict[Any, np.ndarray]:
    """The grid of 255 values a channel, by `key`, that holds every graph's scale."""
    largest = {}
    for model in graphs:
        for call in graph.calls(model):
            if is_norm(call.layer, len(call.outputs[0].shape)):
                size = np.abs(affine(call.layer)[0])
                name = key(call.layer)
                largest[name] = np.maximum(largest.get(name, 0), size)
    return {name: np.where(size == 0, 1, size) / 127 for name, size in largest.items()}
