"""Kernels of few values: put there, and kept there while the whole menu trains."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres import grid
from keras_dynres.compress.latent import LatentWeights
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.gradients import in_place_of
from keras_dynres.errors import DynresError

# Kernels of as many different values were clustered; others have one for each place.
_MOST_CLUSTERS = 256


def quantize(model: DynamicModel, bits: int = 4) -> None:
    """Puts the kernels of all convolutions on the grid of a few bits.

    It is the grid that `tflite.export` uses in int8, with fewer points: an integer
    and a step for each channel. The network stays one of floats, to be saved,
    calibrated and exported as any. Zeros stay zeros.

    Example:

    ```python
    kd.compress.quantize(model, bits=4)
    model.calibrate(train)
    ```

    Args:
        model: A `DynamicModel`; its shared weights change, so what was calibrated
            and measured no longer holds.
        bits: Bits a weight, 2 to 8. The classifier's stay what they are.
    """
    projections = _grids(checked(model), _checked_bits(bits))
    for position, projection in projections.items():
        weight = model.trainable_variables[position]
        weight.assign(projection(weight))
    model.forget()


@contextlib.contextmanager
def quantize_aware(model: DynamicModel, bits: int = 4) -> Iterator[DynamicModel]:
    """Within it, training knows that kernels stand on the grid of a few bits.

    Every step computes with kernels on the grid of `quantize`, and its gradients move
    latent ones of full precision (a straight-through estimator). Instances are drawn
    as in any training. What is left at the end is an ordinary network whose kernels
    are on the grid; it wants calibrating. A trained network is only to be led back, so
    the learning rate is a small one that falls to zero; a large one spoils more than
    the grid did.

    Example:

    ```python
    rate = keras.optimizers.schedules.CosineDecay(0.003, steps)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy"])
    with kd.compress.quantize_aware(model, bits=4):
        model.fit(train, epochs=2)
    model.calibrate(train)
    ```

    Args:
        model: A compiled `DynamicModel`.
        bits: Bits a weight, 2 to 8.
    """
    with _training(model, _grids(checked(model), _checked_bits(bits))):
        yield model


@contextlib.contextmanager
def held(model: DynamicModel) -> Iterator[DynamicModel]:
    """Within it, training keeps zeros zero, and clustered values shared.

    For a network after `prune` or `cluster`, which train the full instance alone: here
    every instance that training draws learns to do with what is left.

    Example:

    ```python
    kd.compress.prune(model, train, sparsity=0.6)
    with kd.compress.held(model):
        model.fit(train, epochs=2)
    model.calibrate(train)
    ```

    Args:
        model: A compiled `DynamicModel`, pruned or clustered.
    """
    values = {p: np.asarray(w) for p, w, _ in _kernels(checked(model))}
    projections = {p: _projection(value) for p, value in values.items()}
    projections = {p: projection for p, projection in projections.items() if projection}
    if not projections:
        raise DynresError(
            "No kernel holds zeros or values shared, so there is nothing to keep: call "
            f"compress.prune or compress.cluster first. Received: {model.name!r}."
        )
    with _training(model, projections):
        yield model


@contextlib.contextmanager
def _training(model, projections):
    """Trains latent weights; whatever happens, the optimizer is the model's again."""
    if getattr(model, "optimizer", None) is None:
        raise DynresError(
            "The model has no optimizer yet: call compile before the with statement. "
            f"Received: {model.name!r}."
        )
    _refuse_replicas(model)
    weights = model.trainable_variables
    if not model.optimizer.built:
        model.optimizer.build(weights)
    latent = LatentWeights(model.optimizer, projections)
    latent.start(weights)
    model.forget()
    # Its steps are compiled for the optimizer.
    model.train_function = None
    try:
        with in_place_of(model, latent):
            yield
            if model.optimizer is not latent:
                raise DynresError(
                    "The model was compiled anew within the with statement, and "
                    "trained as if there was none: call compile before it."
                )
    finally:
        model.train_function = None


def _kernels(model) -> list[tuple[int, keras.Variable, keras.layers.Layer]]:
    """(position, kernel, layer) of every convolution that is trained."""
    positions = {id(w): i for i, w in enumerate(model.trainable_variables)}
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, grid.LAYERS) and layer.built
    ]
    kernels = {positions.get(id(layer.kernel)): layer for layer in layers}
    return [
        (position, layer.kernel, layer)
        for position, layer in kernels.items()
        if position is not None
    ]


def _grids(model, bits) -> Mapping[int, Callable]:
    projections = {}
    for position, weight, layer in _kernels(model):
        axes, mask = grid.channel_axes(layer), _mask(np.asarray(weight))
        projections[position] = lambda kernel, axes=axes, mask=mask: grid.on_grid(
            kernel * mask, axes, bits
        )
    return projections


def _projection(values) -> Callable | None:
    """What keeps a kernel's zeros or shared values, None where it has neither."""
    centers = np.unique(values).astype("float32")
    if len(centers) <= min(_MOST_CLUSTERS, np.count_nonzero(values) / 2):
        return lambda kernel: _nearest(kernel, centers)
    mask = _mask(values)
    return None if mask.all() else lambda kernel: kernel * mask


def _mask(values):
    return (values != 0).astype("float32")


def _nearest(kernel, centers):
    """Each value's nearest center; the centers are in order."""
    borders = ops.convert_to_tensor((centers[1:] + centers[:-1]) / 2)
    places = ops.searchsorted(borders, ops.reshape(kernel, (-1,)))
    nearest = ops.take(ops.convert_to_tensor(centers), places)
    return ops.reshape(nearest, ops.shape(kernel))


def checked(model: Any) -> DynamicModel:
    """The model itself, or a refusal of what is no menu.

    >>> checked(kd.Plain(kd.architectures.wide_resnet(10, 1))).instances
    ['full']

    Args:
        model: What was received.
    """
    if not isinstance(model, DynamicModel):
        raise DynresError(
            "Expected a keras_dynres.DynamicModel; Plain(model) makes one of any "
            f"functional network. Received: model={type(model).__name__}."
        )
    return model


def _checked_bits(bits: Any) -> int:
    if bits not in range(2, 9):
        raise DynresError(f"Bits are 2 to 8, a whole number. Received: bits={bits!r}.")
    return int(bits)


def _refuse_replicas(model):
    strategy = getattr(model, "distribute_strategy", None)
    if keras.backend.backend() == "tensorflow" and strategy.num_replicas_in_sync > 1:
        raise DynresError(
            "Latent weights are kept on one replica alone. Received: a strategy of "
            f"{strategy.num_replicas_in_sync} replicas."
        )
