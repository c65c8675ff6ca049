"""How a base is rewired for small images: pooled kernels, fitting padding, the stem."""

import math
from collections.abc import Callable, Sequence

import keras

from keras_dynres import graph
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.layers import GaussianDownsample2D, PooledKernelConv2D


def convolutions(
    flat: keras.Model, wanted: str | Sequence[str] | Callable = "auto"
) -> list[str]:
    """Names of the convolutions whose kernels are pooled.

    Args:
        flat: A flat functional model.
        wanted: `"auto"` takes the 3x3 convolutions that a shortcut goes around: both
            of a basic block, the middle one of a bottleneck. Or layer names, or a
            callable that is given the model and returns layer names.
    """
    if wanted == "auto":
        names = _inside_blocks(flat)
        if not names:
            raise _none_inside_blocks(flat)
        return names
    names = list(wanted(flat) if callable(wanted) else wanted)
    if not names:
        raise DynresError("Name at least one convolution. Received: layers=[]")
    layers = {call.name: call.layer for call in graph.calls(flat)}
    offered = [name for name, layer in layers.items() if _is_poolable(layer)]
    for name in names:
        if name not in layers:
            raise UnknownNameError(f"convolution of {flat.name!r}", name, offered)
        _check_poolable(layers[name])
    return names


def shrunk_input(flat: keras.Model, ratio: int, blur: str) -> dict:
    """The edit that shrinks the image."""
    (name,) = graph.input_names(flat)
    height, width = flat.inputs[0].shape[1:3]
    if blur == "gaussian":
        return {name: graph.after(GaussianDownsample2D(ratio, name=f"{name}_shrunk"))}
    size = height // ratio, width // ratio
    layer = keras.layers.Resizing(*size, name=f"{name}_shrunk")
    # Called without a word of training, it puts all behind it in training mode.
    return {name: graph.after(layer, training=False)}


def pooled_kernels(
    flat: keras.Model, names: Sequence[str], ratio: int, pooling: str
) -> dict:
    """The edits that pool the named convolutions' kernels, and fit their padding."""
    calls, edits = graph.calls(flat), {}
    for call in calls:
        if call.name not in names:
            continue
        name = f"{call.name}_pooled"
        layer = PooledKernelConv2D.of(call.layer, ratio, pooling, name)
        edits[call.name] = graph.swap(layer)
        before = _padding_before(calls, call)
        if before is not None and call.layer.padding == "valid":
            edits[before.name] = _smaller(before.layer, call.layer, layer)
    return edits


def without_stem_pooling(flat: keras.Model) -> dict:
    """The edits that leave out the max pooling before the first block, if any."""
    calls = graph.calls(flat)
    blocks = [c for c in calls if type(c.layer).__name__ in ("Add", "Concatenate")]
    for call in graph.bottlenecks(flat):
        if not blocks or call.name == blocks[0].name:
            break
        if isinstance(call.layer, keras.layers.MaxPooling2D):
            before = _padding_before(calls, call)
            dropped = [call, before] if before is not None else [call]
            return {call.name: _leave_out for call in dropped}
    return {}


def _inside_blocks(flat):
    around = {call.name for call in graph.bottlenecks(flat)}
    return [
        call.name
        for call in graph.calls(flat)
        if isinstance(call.layer, keras.layers.Conv2D)
        and call.layer.kernel_size == (3, 3)
        and call.name not in around
    ]


def _none_inside_blocks(flat):
    others = [c.name for c in graph.calls(flat) if _is_poolable(c.layer)]
    instead = (
        f"name some of its other Conv2D layers, such as layers={others[:3]}"
        if others
        else "it has no other Conv2D layer that could be named, so take a base that has"
    )
    return DynresError(
        "Low-mode pools the kernels of 3x3 Conv2D layers that a shortcut goes around, "
        f"and {flat.name!r} has none (depthwise convolutions are not pooled): "
        f"{instead}; or only shrink images, with pooling='none'. "
        "Received: layers='auto'"
    )


def _is_poolable(layer):
    return isinstance(layer, keras.layers.Conv2D) and max(layer.kernel_size) > 1


def _check_poolable(layer):
    if not isinstance(layer, keras.layers.Conv2D):
        raise DynresError(
            "Only the kernels of Conv2D layers are pooled. Received: layer "
            f"{layer.name!r} of class {type(layer).__name__}"
        )
    if not _is_poolable(layer):
        raise DynresError(
            "A kernel of one tap cannot be pooled. Received: layer "
            f"{layer.name!r} with kernel_size={layer.kernel_size}"
        )


def _padding_before(calls, call):
    """The zero padding that stands before a call and serves it alone, or None."""
    tensor = call.inputs[0]
    users = [user for user in calls if any(t is tensor for t in user.inputs)]
    for maker in calls:
        if maker.outputs[0] is tensor and len(users) == 1:
            padding = isinstance(maker.layer, keras.layers.ZeroPadding2D)
            return maker if padding else None
    return None


def _smaller(padding, conv, pooled):
    """The padding that puts the pooled kernel's middle where the kernel's was."""
    fewer = [
        (old - new) * dilation
        for old, new, dilation in zip(
            conv.kernel_size, pooled.kernel_size, conv.dilation_rate, strict=True
        )
    ]
    # Where an odd number goes, the larger half goes before, as "same" has it.
    sides = [
        (max(0, before - math.ceil(cut / 2)), max(0, after - cut // 2))
        for (before, after), cut in zip(padding.padding, fewer, strict=True)
    ]
    if not any(map(any, sides)):
        return _leave_out
    config = {
        **padding.get_config(),
        "padding": sides,
        "name": f"{padding.name}_pooled",
    }
    return graph.swap(keras.layers.ZeroPadding2D.from_config(config))


def _leave_out(call, inputs, *args, **kwargs):
    """Edit: the layer is not called."""
    del call, args, kwargs
    return inputs
