"""Where each stage of a network begins: found in any functional graph."""

import collections
from collections.abc import Callable, Sequence

import keras

from keras_dynres import graph
from keras_dynres.errors import DynresError
from keras_dynres.methods import points as find

# A stride or a pooling leaves three quarters of a side at most; an unpadded
# convolution, which begins no stage, nearly all of it.
_STRIDED = 0.75


def stage_points(
    model: keras.Model, wanted: str | Sequence[str] | Callable = "auto"
) -> list[str]:
    """Names of the layers after which the stages may be resized, in order.

    A stage is a resolution that convolutions work at. Its point is where its first,
    strided, block ends; that of the first stage is where the stem ends.

    Args:
        model: A flat functional model.
        wanted: `"auto"`, layer names, or a callable of the model.
    """
    if wanted != "auto":
        names = find.points(model, [wanted] if isinstance(wanted, str) else wanted)
        order = [call.name for call in graph.calls(model)]
        return sorted(names, key=order.index)
    sequence = graph.calls(model)
    first = next((c for c in sequence if isinstance(c.layer, find.CONVOLUTIONS)), None)
    behind = sequence[sequence.index(first) :] if first else []
    calls = collections.Counter(call.name for call in behind)
    # An edit works on each call of a layer, so a point is called once.
    narrow = [c for c in find.maps(graph.bottlenecks(model)) if calls[c.name] == 1]
    names = [narrow[end].name for end in _ends(narrow) if _worked(narrow[end], behind)]
    if not names:
        seen = ", ".join(f"{call.name} {_size(call)}" for call in narrow)
        raise DynresError(
            f"No stage was found in {model.name!r}: a stage is a resolution at which "
            "all paths pass through one feature map that a convolution then reads; "
            f"give stages=[layer names]. Received: a base whose paths meet in "
            f"{seen or 'no feature map'}"
        )
    return names


def stage_of(model: keras.Model, points: Sequence[str]) -> dict[str, int]:
    """For each layer's name, how many of the points its input depends on."""
    stages = {}
    for number, point in enumerate(points, 1):
        stages.update(dict.fromkeys(graph.downstream(model, point), number))
    return stages


def _ends(narrow):
    """Positions of the maps that end the first block at each new resolution."""
    smallest = before = float("inf")
    for position, call in enumerate(narrow):
        side = max(_size(call))
        if side <= _STRIDED * before and side < smallest:
            smallest = side
            yield _end(narrow, position)
        before = side


def _end(narrow, position):
    """The end of the block that begins there: depthwise convolutions have a second."""
    alike = position
    while alike < len(narrow) and _size(narrow[alike]) == _size(narrow[position]):
        alike += 1
    if isinstance(narrow[position].layer, keras.layers.DepthwiseConv2D):
        mixing = range(position, alike)
        is_mixing = [isinstance(narrow[i].layer, keras.layers.Conv2D) for i in mixing]
        if any(is_mixing):
            position = mixing[is_mixing.index(True)]
    while position + 1 < alike and isinstance(
        narrow[position + 1].layer, find.FOLLOWERS
    ):
        position += 1
    return position


def _worked(point, sequence):
    """Whether a convolution reads a map of that size from the point on."""
    later = sequence[[call.name for call in sequence].index(point.name) + 1 :]
    sizes = [
        tuple(call.inputs[0].shape[1:3])
        for call in later
        if isinstance(call.layer, find.CONVOLUTIONS)
    ]
    return _size(point) in sizes


def _size(call):
    return tuple(call.outputs[0].shape[1:3])
