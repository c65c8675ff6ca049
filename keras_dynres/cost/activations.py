"""FLOPs of activation functions, per element."""

import math
from collections.abc import Callable

import keras

from keras_dynres.cost.record import Rule, Shape, Work
from keras_dynres.cost.registry import register, work_of

# One per elementary operation: comparison, addition, product, quotient, exponential,
# logarithm, tanh, erf. A ReLU is one, capped or not. A sigmoid is negation,
# exponential, addition and quotient. Softmax: maximum, difference, exponential, sum
# and quotient.
PER_ELEMENT = {
    "linear": 0,
    "relu": 1,
    "relu6": 1,
    "threshold": 1,
    "hard_tanh": 1,
    "tanh": 1,
    "exponential": 1,
    "leaky_relu": 2,
    "hard_shrink": 2,
    "tanh_shrink": 2,
    "hard_sigmoid": 3,
    "softplus": 3,
    "softsign": 3,
    "soft_shrink": 3,
    "hard_silu": 4,
    "sigmoid": 4,
    "elu": 4,
    "log_sigmoid": 5,
    "celu": 5,
    "gelu": 5,
    "selu": 5,
    "silu": 5,
    "mish": 5,
    "squareplus": 5,
    "softmax": 5,
    "log_softmax": 5,
}


def activation_work(function: Callable | keras.Layer | None, shape: Shape) -> Work:
    """Work of an activation as layers hold it: nothing, a function or a layer."""
    return Work() if function is None else work_of(function, [shape], [shape])


def elementwise(flops: int) -> Rule:
    """The rule of an activation that does so many operations an element."""

    def rule(activation, input_shapes, output_shapes):
        size = math.prod(output_shapes[0])
        return Work(0, flops * size, size if flops else 0)

    return rule


for _name, _flops in PER_ELEMENT.items():
    for _module in (keras.activations, keras.ops):
        if hasattr(_module, _name):
            register(getattr(_module, _name))(elementwise(_flops))
