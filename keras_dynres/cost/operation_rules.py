"""Cost rules of `keras.ops` that stand in a graph as nodes of their own.

Their classes are private to Keras, so they are named instead of imported.
"""

from math import prod

from keras_dynres.cost.activations import PER_ELEMENT, elementwise
from keras_dynres.cost.formulas import (
    adaptive_pooled,
    contracted,
    free,
    per_element,
    per_input_element,
    pooled,
    product,
    reshaped,
    resized,
)
from keras_dynres.cost.registry import register

RESHAPES = "Reshape Transpose Squeeze ExpandDims Moveaxis Swapaxes Ravel"
MOVES = """
    BroadcastTo Concatenate Copy Diagonal Flip Fliplr Flipud FullLike GetItem Hstack
    OnesLike Pad Repeat Roll Rot90 Split Stack Take TakeAlongAxis Tile Vstack ZerosLike
"""
PER_OUTPUT = """
    Absolute Add Ceil Clip Cos Divide Equal Exp Exp2 Expm1 Floor FloorDivide Greater
    GreaterEqual Less LessEqual Log Log10 Log1p Log2 LogicalAnd LogicalNot LogicalOr
    Maximum Minimum Mod Multiply Negative NotEqual Power Reciprocal Round Sign Sin
    Sqrt Square Subtract Tanh TrueDivide Where
"""
REDUCTIONS = "All Amax Amin Any Argmax Argmin Max Mean Min Prod Sum"


def _named(module: str, names: str) -> list[str]:
    return [f"keras.src.ops.{module}.{name}" for name in names.split()]


register(*_named("numpy", RESHAPES))(reshaped)
register(
    *_named("numpy", MOVES),
    *_named("core", "Cast ConvertToTensor SaturateCast Slice StopGradient Unstack"),
    *_named("nn", "OneHot"),
    *_named("image", "CropImages PadImages"),
)(free)
register(*_named("numpy", PER_OUTPUT), *_named("math", "Erf Rsqrt"))(per_element(1))
register(*_named("numpy", REDUCTIONS))(per_input_element(1))
# Mean, difference, square, sum.
register(*_named("numpy", "Std Var"))(per_input_element(4))
for _name, _flops in PER_ELEMENT.items():
    _class = "".join(part.capitalize() for part in _name.split("_"))
    register(*_named("nn", _class))(elementwise(_flops))


@register(*_named("nn", "Conv"))
def _conv(operation, inputs, outputs):
    *taps, _ = inputs[1]
    return product(prod(outputs[0]) * prod(taps))


@register(*_named("nn", "DepthwiseConv"))
def _depthwise_conv(operation, inputs, outputs):
    *window, _, _ = inputs[1]
    return product(prod(outputs[0]) * prod(window))


@register(*_named("numpy", "Matmul"))
def _matmul(operation, inputs, outputs):
    return product(prod(outputs[0]) * inputs[0][-1])


@register(*_named("numpy", "Einsum"))
def _einsum(operation, inputs, outputs):
    return product(
        prod(outputs[0]) * contracted(operation, operation.subscripts, inputs)
    )


@register(*_named("nn", "MaxPool AveragePool"))
def _pool(operation, inputs, outputs):
    window = operation.pool_size
    spatial = len(outputs[0]) - 1
    area = window**spatial if isinstance(window, int) else prod(window)
    return pooled(prod(outputs[0]) * area)


@register(*_named("nn", "AdaptiveMaxPool AdaptiveAveragePool"))
def _adaptive_pool(operation, inputs, outputs):
    return adaptive_pooled(inputs[0], operation.output_size, operation.data_format)


@register(*_named("image", "Resize"))
def _resize(operation, inputs, outputs):
    return resized(operation, inputs[0], outputs[0])
