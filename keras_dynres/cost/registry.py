"""Which rule counts which layer, operation or activation."""

import inspect
from collections.abc import Callable
from typing import Any

from keras_dynres.cost.record import Rule, Shapes, Work
from keras_dynres.errors import DynresError, UnknownCostError

# Keys are classes, activation functions and, for classes that Keras keeps private,
# their full names: importing those would break with the next Keras.
_RULES = {}


def register(*kinds: type | Callable | str) -> Callable[[Rule], Rule]:
    """Decorator that makes a function the cost rule of layer classes.

    The rule is called as `rule(layer, input_shapes, output_shapes)` with the shapes
    of one image: tuples of integers without the batch axis. It returns
    `(macs, flops)`, or a `Work(macs, flops, elements)`. Subclasses inherit the rule
    unless they have one of their own; a later rule replaces an earlier one.

    Args:
        *kinds: `keras.layers.Layer` classes, or activation functions (a rule then
            gets the function in the layer's place).

    Example:

    >>> import math
    >>> import keras
    >>> class Half(keras.layers.Layer):
    ...     def call(self, x):
    ...         return x / 2
    >>> @register(Half)
    ... def half(layer, input_shapes, output_shapes):
    ...     return 0, math.prod(output_shapes[0])
    """
    for kind in kinds:
        if not (callable(kind) or isinstance(kind, str)):
            raise DynresError(
                "A cost rule is registered for a layer class or an activation "
                f"function. Received: {kind!r}"
            )

    def add(rule):
        for kind in kinds:
            _RULES[kind] = rule
        return rule

    return add


def work_of(operation: Any, input_shapes: Shapes, output_shapes: Shapes) -> Work:
    """The `Work` of one call of a layer, an operation or an activation function."""
    rule = _rule_of(operation)
    if rule is None:
        raise UnknownCostError(_unknown(operation, input_shapes))
    return Work(*rule(operation, input_shapes, output_shapes))


def _rule_of(operation: Any) -> Rule | None:
    if inspect.isroutine(operation):
        return _RULES.get(operation)
    for kind in type(operation).__mro__:
        full_name = f"{kind.__module__}.{kind.__qualname__}"
        rule = _RULES.get(kind) or _RULES.get(full_name)
        if rule is not None:
            return rule
    return None


def _unknown(operation: Any, input_shapes: Shapes) -> str:
    if hasattr(operation, "name"):
        kind = type(operation).__name__
        named = f"layer {operation.name!r} of class {kind}"
    else:
        kind = getattr(operation, "__name__", type(operation).__name__)
        named = f"activation function {kind!r}"
    return (
        f"What {named} costs is not known: tell it with "
        f"@keras_dynres.cost.register({kind}). Received: input shapes {input_shapes}"
    )
