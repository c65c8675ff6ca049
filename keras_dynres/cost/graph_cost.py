"""Walks a graph and adds up what its calls cost."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_dynres import graph
from keras_dynres.cost.record import Cost, LayerCost, Shape, Shapes
from keras_dynres.cost.registry import work_of
from keras_dynres.errors import DynresError

_STATISTICS = {"moving_mean", "moving_variance"}


def count(
    model: keras.Model,
    input_shape: Sequence | None = None,
    resized: Mapping[str, tuple[int, int]] | None = None,
    known: dict | None = None,
) -> Cost:
    """Counts MACs, FLOPs and parameters of a functional model, per image.

    Nothing is executed. Models nested in the graph are counted inside; a layer that
    is called twice costs twice and has its parameters once.

    Args:
        model: A functional or built `Sequential` `keras.Model`.
        input_shape: Shape of one image, without the batch axis, to count another
            size than the model's own (a list of shapes for several inputs). A model
            of unknown size needs it.
        resized: `{layer name: (height, width)}`: counts what follows as if the layer
            returned a feature map of that size.
        known: A dict that keeps what each call costs at each size: given again, it
            makes counting the same flat model at many sizes quick.

    Returns:
        A `Cost`: `macs`, `flops`, `params`, `macs_elementwise`, `layers`, and a table
        when printed.

    Example:

    >>> x = keras.Input((8, 8, 3))
    >>> y = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    >>> cost = count(keras.Model(x, y))
    >>> cost.macs, cost.flops, cost.params
    (6912, 13824, 108)
    """
    model = graph.flatten(model)
    known = {} if known is None else known
    tensors = {} if input_shape is None else _resized_inputs(model, input_shape)
    layers, seen = [], set()
    for call in graph.calls(model):
        arriving = tuple(tuple(tensors.get(id(t), t).shape) for t in call.inputs)
        key = id(call.outputs[0]), arriving
        if key not in known:
            known[key] = _counted(call, tensors)
        cost, outputs = known[key]
        changed = zip(call.outputs, outputs, strict=True)
        tensors.update((id(old), new) for old, new in changed if old is not new)
        params = _new_params(call.layer, seen)
        layers.append(dataclasses.replace(cost, params=params) if params else cost)
        if resized and call.name in resized:
            (output,) = call.outputs
            shape = (None, *resized[call.name], output.shape[-1])
            tensors[id(output)] = keras.KerasTensor(shape, dtype=output.dtype)
    return Cost(model.name, tuple(layers))


def table(model: keras.Model, input_shape: Sequence | None = None) -> str:
    """The table of `count(model)` as text, a line for each call of a layer."""
    return str(count(model, input_shape))


def _counted(
    call: graph.Call, tensors: Mapping[int, keras.KerasTensor]
) -> tuple[LayerCost, list]:
    """What a call costs, its layer's parameters aside, and the tensors it returns.

    Args:
        call: The call.
        tensors: What stands for tensors of the graph that have another size.
    """

    def current(value):
        return tensors.get(id(value), value)

    args, kwargs = keras.tree.map_structure(current, (call.args, call.kwargs))
    outputs = call.outputs
    if any(id(t) in tensors for t in call.inputs):
        specs = call.layer.compute_output_spec(*args, **kwargs)
        outputs = keras.tree.flatten(specs)
    values = keras.tree.flatten((args, kwargs))
    before = [_image_shape(value) for value in values if hasattr(value, "shape")]
    after = [_image_shape(tensor) for tensor in outputs]
    _refuse_unknown(call, before + after)
    work = work_of(call.layer, before, after)
    cost = LayerCost(
        call.name,
        type(call.layer).__name__,
        after[0],
        macs=work.macs,
        flops=work.flops,
        params=0,
        elements=work.elements,
    )
    return cost, outputs


def _image_shape(value: Any) -> Shape:
    # A constant (an array or variable among a call's arguments) has no batch axis.
    shape = tuple(value.shape)
    return shape[1:] if isinstance(value, keras.KerasTensor) else shape


def _resized_inputs(
    model: keras.Model, input_shape: Sequence
) -> dict[int, keras.KerasTensor]:
    several = any(isinstance(size, (list, tuple)) for size in input_shape)
    shapes = [tuple(s) for s in (input_shape if several else [input_shape])]
    if list(map(len, shapes)) != [len(t.shape) - 1 for t in model.inputs]:
        own = [tuple(t.shape[1:]) for t in model.inputs]
        raise DynresError(
            f"{model.name!r} has inputs of shape {own} (without the batch axis). "
            f"Received: input_shape={input_shape}"
        )
    return {
        id(t): keras.KerasTensor((None, *shape), dtype=t.dtype)
        for t, shape in zip(model.inputs, shapes, strict=True)
    }


def _refuse_unknown(call: graph.Call, shapes: Shapes) -> None:
    if any(size is None for shape in shapes for size in shape):
        raise DynresError(
            f"Layer {call.name!r} has an unknown size, so its cost is unknown: build "
            "the model for one image size or give count(model, input_shape=...). "
            f"Received: shapes {shapes}"
        )


def _new_params(layer: Any, seen: set[int]) -> int:
    """Size of the layer's weights that no earlier call had."""
    if isinstance(layer, keras.layers.Normalization):
        return 0  # What it holds describes the data.
    new = [
        weight
        for weight in getattr(layer, "weights", ())
        if id(weight) not in seen and weight.name not in _STATISTICS
    ]
    seen.update(id(weight) for weight in new)
    return sum(math.prod(weight.shape) for weight in new)
