"""The one way a functional graph becomes another over the same layers.

Keras keeps a functional model's calls as private nodes; this module is the only
place of the package that reads them.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras

from keras_dynres.errors import DynresError, one_of
from keras_dynres.layers.resize_like import ResizeLike
from keras_dynres.layers.training_output import TrainingOutput

# `edit(call, *args, **kwargs)`: what stands in the place of `call(*args, **kwargs)`.
Edit = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer (or operation) in a functional graph."""

    layer: Any
    args: tuple
    kwargs: dict
    inputs: list
    outputs: list

    @property
    def name(self) -> str:
        """The called layer's name."""
        return self.layer.name


def after(new_layer: Callable, **options: Any) -> Edit:
    """Edit: `new_layer`, called with the options, works on what the layer returns."""
    return lambda call, *args, **kwargs: new_layer(call(*args, **kwargs), **options)


def swap(new_layer: Callable) -> Edit:
    """Edit: `new_layer` is called in the layer's place."""
    return lambda call, *args, **kwargs: new_layer(*args, **kwargs)


def call_with(**overrides: Any) -> Edit:
    """Edit: the layer is called with other keyword arguments."""
    return lambda call, *args, **kwargs: call(*args, **{**kwargs, **overrides})


def chain(*edits: Edit) -> Edit:
    """Edit: the first works on the layer's call, each next on the one before."""

    def edit(call, *args, **kwargs):
        for step in edits:
            call = functools.partial(step, call)
        return call(*args, **kwargs)

    return edit


def rewire(
    model: keras.Model,
    edits: Mapping[str, Edit],
    name: str | None = None,
    output: int | None = None,
    more_inputs: Sequence[keras.KerasTensor] = (),
) -> keras.Model:
    """Builds another functional model over the same layers.

    The input model is never changed. Layers no edit reaches keep their calls, so
    weights, and the tensors before the first edit, are shared. Models nested in the
    graph are entered: the result is flat. A layer that is called several times is
    edited at each of its calls.

    Args:
        model: A functional (or built `Sequential`) `keras.Model`.
        edits: Maps a layer's name to an edit: `after(layer)`, `swap(layer)`,
            `call_with(...)`, `chain(...)` of those, or any callable
            `edit(call, *args, **kwargs)` that returns the call's outputs. An edit
            on an input layer works on the input.
        name: Name of the new model, by default the old one's.
        output: Position of the one output to keep, with what it needs and nothing
            else; by default all are kept.
        more_inputs: Inputs that edits brought in; they follow the model's.

    Returns:
        A functional `keras.Model`.

    Example:

    >>> x = keras.Input((8, 8, 3))
    >>> y = keras.layers.Conv2D(4, 3, name="conv")(x)
    >>> base = keras.Model(x, y)
    >>> half = keras.layers.AveragePooling2D(2)
    >>> rewire(base, {"conv": after(half)}).output.shape
    (None, 3, 3, 4)
    """
    model = as_functional(model)
    names = sorted({layer.name for layer in _layers(model)})
    for edited in edits:
        one_of(f"layer of {model.name!r}", edited, names)
    tensors = {id(t): t for t in model.inputs}
    for tensor in model.inputs:
        edit = edits.get(_history(tensor).name)
        if edit is not None:
            tensors[id(tensor)] = edit(lambda t: t, tensor)
    _run(model, tensors, edits)
    kept = model.output if output is None else model.outputs[output]
    outputs = keras.tree.map_structure(lambda t: tensors[id(t)], kept)
    _refuse_equal_names(model)
    inputs = [*model.inputs, *more_inputs] if more_inputs else model.input
    return keras.Model(inputs, outputs, name=name or model.name)


def as_functional(model: keras.Model) -> keras.Model:
    """The model itself if functional, a `Sequential`'s graph, or a refusal."""
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise DynresError(
                f"Sequential {model.name!r} has no input shape yet: start it with "
                "keras.Input(shape) or call build()."
            )
        return keras.Model(model.inputs, model.outputs, name=model.name)
    if not hasattr(model, "_nodes_by_depth"):
        raise DynresError(
            "Expected a functional keras.Model (made by keras.Model(inputs, "
            f"outputs)). Received: {type(model).__name__} {model!r}"
        )
    return model


def flatten(model: keras.Model) -> keras.Model:
    """The same graph with nested models entered; flat ones are returned as is."""
    model = as_functional(model)
    if any(_is_nested(node.operation) for node in _nodes(model)):
        return rewire(model, {})
    return model


def at_size(model: keras.Model, height: int, width: int) -> keras.Model:
    """The same layers in a graph for images of another size.

    >>> x = keras.Input((8, 8, 3))
    >>> base = keras.Model(x, keras.layers.Conv2D(4, 3, padding="same")(x))
    >>> at_size(base, 12, 16).output.shape
    (None, 12, 16, 4)

    Args:
        model: A functional `keras.Model` of one image, which is not changed.
        height: Height of the images.
        width: Their width.
    """
    model = as_functional(model)
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if len(shapes) > 1 or len(shapes[0]) != 4:
        raise DynresError(
            f"{model.name!r} does not take one image. Received: inputs of {shapes}"
        )
    old = model.inputs[0]
    shape = (height, width, shapes[0][-1])
    new = keras.Input(shape, dtype=old.dtype, name=_history(old).name)
    tensors = {id(old): new}
    try:
        _run(model, tensors, {})
    except ValueError as error:
        raise DynresError(
            f"{model.name!r} cannot take images of {height} x {width} pixels: {error}"
        ) from error
    outputs = keras.tree.map_structure(lambda t: tensors[id(t)], model.output)
    return keras.Model(new, outputs, name=model.name)


def answers(model: keras.Model) -> keras.Model:
    """The model of what inference is for: without outputs marked as training's.

    One that has none of these is returned as it is. See `layers.TrainingOutput`.
    """
    model = as_functional(model)
    outputs = model.output
    if not any(map(_is_for_training, model.outputs)):
        return model
    if isinstance(outputs, dict):
        kept = {k: t for k, t in outputs.items() if not _is_for_training(t)}
    else:
        kept = [t for t in model.outputs if not _is_for_training(t)]
    if not kept:
        raise DynresError(
            f"All outputs of {model.name!r} are marked as training's, which leaves "
            f"nothing to infer. Received: {list(model.output_names)}"
        )
    return keras.Model(model.input, kept, name=model.name)


def calls(model: keras.Model) -> list[Call]:
    """Every call of the (flattened) graph in execution order, inputs left out."""
    return [
        Call(
            node.operation,
            node.arguments.args,
            node.arguments.kwargs,
            list(node.input_tensors),
            list(node.output_tensors),
        )
        for node in _nodes(flatten(model))
        if not node.is_input
    ]


def input_names(model: keras.Model) -> list[str]:
    """Names of the graph's input layers, which edits may name too."""
    return [_history(tensor).name for tensor in as_functional(model).inputs]


def downstream(model: keras.Model, names: str | Iterable[str]) -> set[str]:
    """Names of the layers whose input depends on what the named layers return."""
    names = {names} if isinstance(names, str) else set(names)
    model = flatten(model)
    reached = {id(t) for t in model.inputs if _history(t).name in names}
    below = set()
    for call in calls(model):
        hit = any(id(t) in reached for t in call.inputs)
        if hit:
            below.add(call.name)
        if hit or call.name in names:
            reached.update(id(t) for t in call.outputs)
    return below


def upstream(model: keras.Model, tensor: keras.KerasTensor) -> list[Call]:
    """The calls a tensor of the (flat) graph comes from, in execution order."""
    wanted, above = {id(tensor)}, []
    for call in reversed(calls(model)):
        if any(id(t) in wanted for t in call.outputs):
            wanted.update(id(t) for t in call.inputs)
            above.append(call)
    return above[::-1]


def gives_probabilities(model: keras.Model, output: int | None = None) -> bool:
    """Whether the graph's outputs are probabilities rather than logits.

    They are where they come from a softmax: a layer, an activation or `keras.ops`.

    Args:
        model: A functional `keras.Model`.
        output: Position of the one output that is meant; by default all.
    """
    tensors = as_functional(model).outputs
    tensors = tensors if output is None else [tensors[output]]
    return all(_is_softmax(_history(tensor)) for tensor in tensors)


def gives_classes(model: keras.Model, output: int) -> bool:
    """Whether an output's last axis is one of classes, for all that is known.

    A layer says otherwise by its attribute `gives_classes`.

    Args:
        model: A functional `keras.Model`.
        output: Position of the output.
    """
    tensor = as_functional(model).outputs[output]
    return getattr(_history(tensor), "gives_classes", True)


def _is_softmax(operation: keras.Operation) -> bool:
    # A layer and the operation of keras.ops bear the same name.
    if type(operation).__name__ == "Softmax":
        return True
    return getattr(operation, "activation", None) is keras.activations.softmax


def bottlenecks(model: keras.Model) -> list[Call]:
    """The calls through which everything flows: only their output is still needed.

    A feature map may be resized there and nowhere else without a second path
    arriving at another size. Where a network resizes maps to the size of others
    (`layers.ResizeLike`), they may come at any size: what counts is the way to the
    first of these, such as the backbone under a feature pyramid.
    """
    model = answers(flatten(model))
    resized = [c for c in calls(model) if isinstance(c.layer, ResizeLike)]
    if resized:
        model = keras.Model(model.input, resized[0].inputs[0])
    sequence = calls(model)
    last_use = {}
    for position, call in enumerate(sequence):
        for tensor in call.inputs:
            last_use[id(tensor)] = position
    for tensor in model.outputs:
        last_use[id(tensor)] = len(sequence)
    open_until = {id(t): last_use.get(id(t), -1) for t in model.inputs}
    narrow = []
    for position, call in enumerate(sequence):
        for tensor in call.outputs:
            open_until[id(tensor)] = last_use.get(id(tensor), -1)
        still_open = [key for key, last in open_until.items() if last > position]
        if len(call.outputs) == 1 and still_open == [id(call.outputs[0])]:
            narrow.append(call)
        open_until = {key: open_until[key] for key in still_open}
    return narrow


def _is_for_training(tensor: keras.KerasTensor) -> bool:
    return isinstance(_history(tensor), TrainingOutput)


def _nodes(model: keras.Model) -> list:
    depths = sorted(model._nodes_by_depth, reverse=True)
    return [node for depth in depths for node in model._nodes_by_depth[depth]]


def _history(tensor: keras.KerasTensor) -> keras.Operation:
    return tensor._keras_history.operation


def _is_nested(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.Model) and (
        isinstance(operation, keras.Sequential) or hasattr(operation, "_nodes_by_depth")
    )


def _layers(model: keras.Model) -> Iterator[keras.Operation]:
    for node in _nodes(model):
        if _is_nested(node.operation):
            yield from _layers(as_functional(node.operation))
        else:
            yield node.operation


def _refuse_equal_names(model: keras.Model) -> None:
    seen = {}
    for layer in _layers(model):
        if seen.setdefault(layer.name, layer) is not layer and not isinstance(
            layer, keras.layers.InputLayer
        ):
            raise DynresError(
                f"Two layers of {model.name!r} (nested models included) are named "
                f"{layer.name!r}: give each layer a name of its own."
            )


def _run(
    model: keras.Model, tensors: dict[int, Any], edits: Mapping[str, Edit]
) -> None:
    """Calls the graph's layers anew from the first change on; fills `tensors`."""
    for node in _nodes(model):
        if node.is_input:
            continue
        operation = node.operation
        edit = edits.get(operation.name)
        untouched = edit is None and not _is_nested(operation)
        if untouched and all(tensors[id(t)] is t for t in node.input_tensors):
            tensors.update((id(t), t) for t in node.output_tensors)
            continue
        args, kwargs = node.arguments.fill_in(tensors)
        if _is_nested(operation):
            outputs = _run_nested(as_functional(operation), args, edits)
        elif edit is None:
            outputs = operation(*args, **kwargs)
        else:
            outputs = edit(operation, *args, **kwargs)
        outputs = keras.tree.flatten(outputs)
        tensors.update(
            (id(old), new)
            for old, new in zip(node.output_tensors, outputs, strict=True)
        )


def _run_nested(model: keras.Model, args: tuple, edits: Mapping[str, Edit]) -> Any:
    inputs = keras.tree.flatten(args)
    tensors = {id(t): new for t, new in zip(model.inputs, inputs, strict=True)}
    _run(model, tensors, edits)
    return keras.tree.map_structure(lambda t: tensors[id(t)], model.output)
