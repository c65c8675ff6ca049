"""Where a feature map may be resized: points found in any functional graph."""

from collections.abc import Callable, Sequence

import keras

from keras_dynres import graph
from keras_dynres.errors import DynresError, UnknownNameError

CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.SeparableConv2D,
    keras.layers.DepthwiseConv2D,
)
FOLLOWERS = (
    keras.layers.BatchNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)


def points(
    model: keras.Model, wanted: str | Sequence[str] | Callable = "auto"
) -> list[str]:
    """Names of the layers after which the feature map may be resized.

    Args:
        model: A flat functional model.
        wanted: `"auto"`, `"alternate"`, layer names, or a callable of the model.
    """
    refuse_unpooled(model)
    if wanted == "auto":
        return block_ends(model)
    if wanted == "alternate":
        return block_ends(model)[1::2]
    names = list(wanted(model) if callable(wanted) else wanted)
    every = [call.name for call in graph.calls(model)]
    allowed = [call.name for call in maps(graph.bottlenecks(model))]
    for name in names:
        if name not in every:
            raise UnknownNameError(f"layer of {model.name!r}", name, allowed)
        if name not in allowed or every.count(name) > 1:
            raise DynresError(
                f"Layer {name!r} cannot be a point: every path must pass through it "
                f"once, and it must return a feature map. Offered: {allowed}"
            )
    if not names:
        raise _none(model)
    return names


def stem(model: keras.Model) -> list[graph.Call]:
    """The max pooling before the first block, after the padding that it has."""
    before = []
    for call in maps(graph.bottlenecks(model)):
        if isinstance(call.layer, keras.layers.MaxPooling2D):
            return [*before, call]
        before = [call] if isinstance(call.layer, keras.layers.ZeroPadding2D) else []
        if _is_addition(call) or _is_concatenation(call):
            break
    raise DynresError(f"{model.name!r} has no max pooling before its first block.")


def sizes(model: keras.Model) -> dict[str, tuple]:
    """Height and width of every layer's feature map, by the layer's name."""
    return {
        call.name: tuple(call.outputs[0].shape[1:3])
        for call in graph.calls(model)
        if len(call.outputs[0].shape) == 4
    }


def block_ends(model: keras.Model) -> list[str]:
    """Names of the layers that end a block: where all paths meet again.

    They are residual additions, or dense concatenations, or the ends of every third
    convolution, of which a network has the first kind that it has any of.

    Args:
        model: A flat functional model.
    """
    narrow = maps(graph.bottlenecks(model))
    kinds = ([c for c in narrow if is_kind(c)] for is_kind in _BLOCK_ENDS)
    names = next((kind for kind in kinds if kind), None) or _thirds(narrow)
    if not names:
        raise _none(model)
    return [call.name for call in names]


def _none(model):
    return DynresError(
        f"No point found in {model.name!r}: it has no residual addition, no dense "
        "concatenation and fewer than three convolutions every path passes through; "
        "name layers: points=[...]."
    )


def maps(sequence: Sequence[graph.Call]) -> list[graph.Call]:
    """Those of the calls that return a feature map, of more than one cell."""
    four = [call for call in sequence if len(call.outputs[0].shape) == 4]
    for call in four:
        if None in call.outputs[0].shape[1:3]:
            raise DynresError(
                f"The base's height and width must be known: build it with "
                f"input_shape=(height, width, channels). Received: layer "
                f"{call.name!r} of shape {call.outputs[0].shape}"
            )
    return [call for call in four if call.outputs[0].shape[1:3] != (1, 1)]


def _is_addition(call):
    # By name: keras.layers.Add and the operation behind `x + y` alike.
    return type(call.layer).__name__ == "Add" and len(call.inputs) > 1


def _is_concatenation(call):
    return type(call.layer).__name__ == "Concatenate" and len(call.inputs) > 1


_BLOCK_ENDS = (_is_addition, _is_concatenation)


def _thirds(narrow):
    """The end of every third convolution, normalisation and activation included."""
    ends = []
    for call in narrow:
        if isinstance(call.layer, CONVOLUTIONS):
            ends.append(call)
        elif ends and isinstance(call.layer, FOLLOWERS):
            ends[-1] = call
    return ends[2::3]


def refuse_unpooled(model: keras.Model):
    """Raises where the classifier fits one size of the feature map alone."""
    for call in graph.calls(model):
        size = call.inputs[0].shape[1:-1] if call.inputs else ()
        if isinstance(call.layer, keras.layers.Flatten) and any(n != 1 for n in size):
            raise DynresError(
                f"{model.name!r} flattens its feature map ({call.name!r}), so its "
                "classifier fits one size alone; end it with GlobalAveragePooling2D."
            )
