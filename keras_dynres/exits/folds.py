"""Batch norms folded into the convolutions before them: fewer passes over the maps."""

from collections import Counter
from typing import Any

import keras
from keras import ops

from keras_dynres import graph


class FoldedConvolution(keras.layers.Layer):
    """A convolution and the batch norm after it as one convolution, for inference.

    Its kernel and bias are made of the two layers' weights at each call, so they are
    never behind these.

    Args:
        convolution: The `keras.layers.Conv2D`.
        norm: The batch norm.
    """

    def __init__(
        self,
        convolution: keras.layers.Conv2D,
        norm: keras.layers.BatchNormalization,
    ) -> None:
        super().__init__(name=convolution.name, dtype=convolution.dtype_policy)
        self.convolution = convolution
        self.norm = norm
        self.built = True

    def call(self, inputs: Any) -> Any:
        """What the batch norm gives of what the convolution gives."""
        convolution, norm = self.convolution, self.norm
        scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
        if norm.gamma is not None:
            scale = scale * norm.gamma
        offset = -norm.moving_mean * scale
        if norm.beta is not None:
            offset = offset + norm.beta
        if convolution.bias is not None:
            offset = offset + convolution.bias * scale
        return convolution.convolution_op(inputs, convolution.kernel * scale) + offset


def folded(model: keras.Model) -> keras.Model:
    """The same function, with batch norms folded into convolutions where they can be.

    What is not a stock float32 convolution without activation, followed by a stock
    batch norm and nothing else, stays as it is.

    Example:

    >>> base = kd.architectures.wide_resnet(depth=10, width=1)
    >>> [len(kd.graph.calls(net)) for net in (base, folded(base))]
    [30, 27]

    Args:
        model: A functional `keras.Model`, which is not changed.
    """
    calls = graph.calls(model)
    producers = {id(tensor): call for call in calls for tensor in call.outputs}
    uses = Counter(id(tensor) for call in calls for tensor in call.inputs)
    uses.update(id(tensor) for tensor in model.outputs)
    often = Counter(call.name for call in calls)
    edits = {}
    for norm in calls:
        (source, *_) = norm.inputs
        convolution = producers.get(id(source))
        if convolution is None or uses[id(source)] > 1:
            continue
        once = often[convolution.name] == often[norm.name] == 1
        if once and _is_convolution(convolution) and _is_norm(norm):
            one = FoldedConvolution(convolution.layer, norm.layer)
            edits[convolution.name] = graph.swap(one)
            edits[norm.name] = graph.swap(_same)
    return graph.rewire(model, edits)


def _same(tensor: Any, **_: Any) -> Any:
    return tensor


# A subclass computes something of its own.
def _is_convolution(call: graph.Call) -> bool:
    layer = call.layer
    return (
        type(layer) is keras.layers.Conv2D
        and layer.activation is keras.activations.linear
        and layer.compute_dtype == layer.variable_dtype == "float32"
    )


def _is_norm(call: graph.Call) -> bool:
    layer = call.layer
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.axis in (-1, 3)
        and not call.kwargs.get("training")
    )
