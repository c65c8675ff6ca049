"""Exits on any network: heads at points of a base that had one output."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_dynres import graph
from keras_dynres.architectures.wide_resnet import block
from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import ExitModel

HEADS = ("pool", "conv", "branch")


@keras.saving.register_keras_serializable(package="keras_dynres")
class EarlyExit(ExitModel):
    """Exits after points of a base network; the base's own output is the last.

    Beside what every `DynamicModel` does, the methods of `ExitModel` stop early:

    - `anytime(images)` yields (exit, predictions) as soon as each exit is computed.
    - `predict_within(images, milliseconds)` gives the last predictions ready in time.
    - `solve_budget(validation_data, macs=)` fits the confidence thresholds, a `Policy`,
      that spend a mean budget best; `latency_ms=` is a budget in milliseconds.
    - `predict_dynamic(images, policy)` lets each image leave at the first exit that the
      policy trusts, and computes later stages for the others alone.
    - `evaluate_policies(data)`, `budget_curve(validation_data, test_data)` and
      `expected_accuracy(budget_distribution, data)` say what that is worth.
    - `exits`, `exit_costs()`, `exit_times(images)`, `stages()`, `policies`.

    Args:
        base: A functional `keras.Model` with one output of class scores. One with
            several outputs, as a saved model has, gets no heads; its outputs may then
            be maps of scores, which have no policies.
        points: Names of the layers after which an exit stands, in order.
        heads: `"pool"`: global pooling and a linear layer; `"conv"`: two 3x3
            convolutions at stride 2 before them, as MSDNet's exits have; `"branch"`: a
            wide residual block for each smaller resolution the base goes on to, one
            at least, as wide as the base is there (BranchyNet in the SDPoint paper);
            or a callable that is given a feature map, the number of classes and a
            name for its layers, and returns logits.
        **kwargs: Arguments of `ExitModel`.

    Example:

    >>> base = kd.architectures.wide_resnet(depth=10, width=1)
    >>> points = ["stage1_block1_add", "stage2_block1_add"]
    >>> model = kd.EarlyExit(base, points)
    >>> model.instances
    ['exit1', 'exit2', 'full']
    >>> import numpy as np
    >>> images, labels = np.random.rand(8, 32, 32, 3), np.arange(8)
    >>> next(model.anytime(images))[0]
    'exit1'
    >>> model.predict_within(images, milliseconds=60_000)[0]
    'exit3'
    >>> budget = sum(model.exit_costs()) / 3
    >>> policy = model.solve_budget((images, labels), macs=budget, verbose=0)
    >>> model.predict_dynamic(images, policy).shape
    (8, 10)
    """

    def __init__(
        self,
        base: keras.Model,
        points: Sequence[str] | None = None,
        heads: str | Callable = "pool",
        **kwargs: Any,
    ) -> None:
        base = graph.as_functional(base)
        if points is not None:
            base = _with_heads(base, list(points), heads)
        super().__init__(base, **kwargs)


def _with_heads(
    base: keras.Model, points: list[str], heads: str | Callable
) -> keras.Model:
    if not callable(heads):
        one_of("head", heads, HEADS)
        branch = functools.partial(_branch_head, _widths(base))
        heads = {"pool": _pool_head, "conv": _conv_head, "branch": branch}[heads]
    if len(base.outputs) != 1 or len(base.output.shape) != 2:
        raise DynresError(
            "Heads are added to a base with one output of class scores. "
            f"Received: {base.name!r} with outputs {[t.shape for t in base.outputs]}."
        )
    flat = graph.flatten(base)
    made = {call.name: call.outputs[0] for call in graph.calls(flat)}
    order = list(made)
    for point in points:
        one_of(f"layer of {base.name!r}", point, order)
    if not points or sorted(set(points), key=order.index) != points:
        raise DynresError(
            "points names one layer at least, each once and in the base's order. "
            f"Received: points={points}."
        )
    classes = base.output.shape[-1]
    exits = [
        heads(made[point], classes, f"exit{number}")
        for number, point in enumerate(points, 1)
    ]
    return keras.Model(flat.input, [*exits, flat.output], name=base.name)


def _pool_head(x: Any, classes: int, name: str) -> Any:
    x = keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return keras.layers.Dense(classes, dtype="float32", name=f"{name}_logits")(x)


def _conv_head(x: Any, classes: int, name: str, width: int = 128) -> Any:
    for i in (1, 2):
        x = keras.layers.Conv2D(
            *(width, 3),
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_{i}_conv",
        )(x)
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, name=f"{name}_{i}_bn"
        )(x)
        x = keras.layers.ReLU(name=f"{name}_{i}_relu")(x)
    return _pool_head(x, classes, name)


def _widths(base: keras.Model) -> dict[int, int]:
    """{height: channels} of the maps that all paths of the base pass through."""
    maps = [call.outputs[0].shape for call in graph.bottlenecks(base)]
    return {shape[1]: shape[3] for shape in maps if len(shape) == 4}


def _branch_head(widths: Mapping[int, int], x: Any, classes: int, name: str) -> Any:
    later = [width for height, width in widths.items() if height < x.shape[1]]
    strides = [2] * len(later) or [1]
    for i, width in enumerate(later or [x.shape[-1]]):
        x = block(x, width, strides[i], f"{name}_block{i + 1}")
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(
        x
    )
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return _pool_head(x, classes, name)
