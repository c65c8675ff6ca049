"""Exits on any network: heads at points of a base that had one output."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_dynres import cost, graph
from keras_dynres.architectures.wide_resnet import block
from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import ExitModel
from keras_dynres.methods.points import block_ends

HEADS = ("pool", "conv", "branch")
# An exit behind this share of the base's cost saves too little to be worth a head.
_LATEST = 0.95


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
        points: Names of the layers after which an exit stands, in order; or how many
            there are, by default three: at ends of blocks that divide the base's cost
            as evenly as can be.
        heads: `"pool"`: global pooling and a linear layer; `"conv"`: two 3x3
            convolutions at stride 2 before them, as MSDNet's exits have; `"branch"`: a
            wide residual block for each smaller resolution the base goes on to, one
            at least, as wide as the base is there (BranchyNet in the SDPoint paper);
            or a callable that is given a feature map, the number of classes and a
            name for its layers, and returns logits. Where the base gives
            probabilities, as those of `keras.applications` do, exits give them too.
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
    >>> len(kd.EarlyExit(base).exits)  # Points of its own choice.
    3
    """

    def __init__(
        self,
        base: keras.Model,
        points: Sequence[str] | int | None = None,
        heads: str | Callable = "pool",
        **kwargs: Any,
    ) -> None:
        base = graph.as_functional(base)
        if points is not None or len(base.outputs) == 1:
            base = _with_heads(base, points, heads)
        super().__init__(base, **kwargs)


def _with_heads(
    base: keras.Model, points: Sequence[str] | int | None, heads: str | Callable
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
    if points is None or isinstance(points, int):
        points = _spread(flat, points)
    points = list(points)
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
    if graph.gives_probabilities(base):
        # Else the loss would take one for the other.
        exits = [
            keras.layers.Softmax(dtype="float32", name=f"exit{number}_probabilities")(x)
            for number, x in enumerate(exits, 1)
        ]
    return keras.Model(flat.input, [*exits, flat.output], name=base.name)


def _spread(flat: keras.Model, count: int | None) -> list[str]:
    """The ends of blocks that lie nearest to even shares of the cost."""
    costs, spent = {}, 0
    for layer in cost.count(flat).layers:
        spent += layer.macs
        costs[layer.name] = spent
    ends = [name for name in block_ends(flat) if costs[name] <= _LATEST * spent]
    wanted = min(3, len(ends)) if count is None else count
    if not 0 < wanted <= len(ends):
        raise DynresError(
            f"{flat.name!r} has {len(ends)} ends of blocks for exits: points is a "
            f"number from 1 to that, or names of layers. Received: points={count}."
        )
    chosen, first = [], 0
    for number in range(1, wanted + 1):
        share = spent * number / (wanted + 1)
        offered = ends[first : len(ends) - wanted + number]
        chosen.append(min(offered, key=lambda name: abs(costs[name] - share)))
        first = ends.index(chosen[-1]) + 1
    return chosen


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
