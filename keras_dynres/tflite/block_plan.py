"""Which blocks of an instance are worth computing at some points, on this machine."""

import dataclasses
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_dynres import graph, text
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Instance
from keras_dynres.tflite import flatbuffer, latency
from keras_dynres.tflite.convert import convert
from keras_dynres.tflite.stages import INPUT

# The ways of a block that are compared.
_DENSE, _SAMPLED = "dense", "sampled"
# What a layer's time depends on, beside its kind and shapes.
_GEOMETRY = ("kernel_size", "strides", "dilation_rate", "groups", "window")
# As many as keep a branch predictor from learning which points are chosen.
_IMAGES = 8
_ROUNDS = 3


@dataclasses.dataclass(frozen=True)
class BlockPlan:
    """What `plan_blocks` measured and chose.

    Printed, it is a table.

    Args:
        instance: The `Instance` of the menu.
        blocks: `{block: {way: milliseconds}}`, for the block's convolutions dense,
            sampled, and at fewer points.
        latency_ms: What the whole instance takes, as chosen.
        full_ms: What `full` takes.
        threads: Threads of the interpreter.
    """

    instance: Instance
    blocks: Mapping[str, Mapping[str, float]]
    latency_ms: float
    full_ms: float
    threads: int

    @property
    def dense(self) -> list[str]:
        """The blocks that sampling does not make quicker: they are computed whole."""
        return [name for name, ms in self.blocks.items() if ms[_SAMPLED] >= ms[_DENSE]]

    def __str__(self) -> str:
        dense, rows = self.dense, self.blocks.values()
        totals = [sum(row[way] for row in rows) for way in (_DENSE, _SAMPLED)]
        chosen = sum(min(row[_DENSE], row[_SAMPLED]) for row in rows)
        table = text.grid(
            ["block", "dense ms", "sampled ms", "runs", "ms"],
            [
                [
                    name,
                    f"{ms[_DENSE]:.3f}",
                    f"{ms[_SAMPLED]:.3f}",
                    _DENSE if name in dense else _SAMPLED,
                    f"{min(ms[_DENSE], ms[_SAMPLED]):.3f}",
                ]
                for name, ms in self.blocks.items()
            ],
            total=["all", *(f"{ms:.3f}" for ms in totals), "", f"{chosen:.3f}"],
        )
        verdict = (
            f"not worth it in {len(dense)} of {len(self.blocks)} blocks, which are "
            "computed whole."
        )
        if not dense:
            verdict = "worth it in all blocks."
        elif len(dense) == len(self.blocks):
            verdict = f"worth it in no block: {self.instance.name!r} is 'full' now."
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return (
            f"{table}\nSampling is {verdict}\n"
            f"{self.instance.name!r} takes {text.cost(self.latency_ms, 'latency_ms')}, "
            f"'full' {text.cost(self.full_ms, 'latency_ms')}, on {threads}."
        )


def plan_blocks(
    model: Any,
    instance: str | Instance,
    threads: int = 1,
    repeats: int = 50,
    warmup: int = 5,
    verbose: int = 1,
) -> BlockPlan:
    """Measures blocks dense and at points, and keeps the quicker way of each.

    Choosing, gathering and interpolating points has its price: whether computing fewer
    of them is quicker depends on the block, the number of points and the machine. Each
    distinct block is timed here in float32, one image at a time, and the instance then
    computes whole the blocks that sampling does not make quicker: its convolutions take
    no longer than those of `full`. Costs on the menu follow, and the instance's and
    `full`'s `latency_ms` are measured. Training takes the same blocks.

    What a point of each block takes is kept too, for budgets in milliseconds of
    `model.allocate`.

    Args:
        model: A model whose blocks may be computed at some of their points, such as
            `kd.Sampled`.
        instance: An instance of a fixed number of points, or its name.
        threads: Threads of the interpreter.
        repeats: Timed runs of each model, in three rounds.
        warmup: Runs before a round that are not timed.
        verbose: 1 shows progress and prints the table, 0 nothing.

    Returns:
        A `BlockPlan`.

    Example:

    ```python
    model = kd.Sampled(kd.architectures.resnet(50, (224, 224, 3)))
    ...
    plan = kd.tflite.plan_blocks(model, "d0.25")
    model.allocate(train, "d0.25", latency_ms=0.8 * plan.latency_ms)
    ```
    """
    _check(model, threads, repeats)
    name = model.menu[instance].name
    blocks = model.block_graphs(name)
    kinds = {block: _kind(graphs) for block, graphs in blocks.items()}
    distinct = {}
    for block, graphs in blocks.items():
        distinct.setdefault(kinds[block], graphs)
    options = {"threads": threads, "repeats": repeats, "warmup": warmup}
    if verbose:
        print(f"Measuring {len(distinct)} distinct blocks of {len(blocks)} ...")
    keys = latency.progress(list(distinct), verbose)
    times = {key: _times(distinct[key], **options) for key in keys}
    by_block = {block: times[kinds[block]] for block in blocks}
    plan = BlockPlan(model.menu[name], by_block, 0.0, 0.0, threads)
    model.compute_whole(name, plan.dense)
    # One graph where they are one, which is not to differ by chance.
    alike = len(plan.dense) == len(blocks)
    wanted = [FULL] if alike else [FULL, name]
    nets = {n: model.at(n, uncalibrated=True) for n in wanted}
    whole = _times(nets, **options)
    full_ms, latency_ms = whole[FULL], whole[FULL if alike else name]
    model.menu.record(FULL, latency_ms=full_ms)
    model.menu.record(name, latency_ms=latency_ms)
    model.record_block_times(name, by_block, latency_ms, full_ms)
    plan = BlockPlan(model.menu[name], by_block, latency_ms, full_ms, threads)
    if verbose:
        print(plan)
    return plan


def _kind(graphs: Mapping[str, keras.Model]) -> tuple:
    """What blocks have in common that take the same time."""
    return tuple(
        (
            way,
            type(call.layer).__name__,
            *(tuple(t.shape) for t in (*call.inputs, *call.outputs)),
            *(getattr(call.layer, key, None) for key in _GEOMETRY),
        )
        for way, small in graphs.items()
        for call in graph.calls(small)
    )


def _times(
    models: Mapping[str, keras.Model], threads: int, repeats: int, warmup: int
) -> dict[str, float]:
    """The time of each model in milliseconds: the median of its best round.

    They take turns, so that a machine that is busy for a while harms none of them.
    """
    runs = {way: _runner(model, threads) for way, model in models.items()}
    rounds = [
        {
            way: latency.measure(run, -(-repeats // _ROUNDS), warmup)["median_ms"]
            for way, run in runs.items()
        }
        for _ in range(_ROUNDS)
    ]
    return {way: min(times[way] for times in rounds) for way in runs}


def _runner(model: keras.Model, threads: int) -> Callable[[], Any]:
    """A function that runs a model's TFLite form on one image after another."""
    data = convert({"block": model})
    call = flatbuffer.load(lambda: data, ["block"], threads)["block"]
    shape = (_IMAGES, 1, *model.inputs[0].shape[1:])
    images = np.random.default_rng(0).standard_normal(shape, "float32")
    turns = itertools.cycle(images)
    return lambda: call(**{INPUT: next(turns)})


def _check(model: Any, threads: Any, repeats: Any) -> None:
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise DynresError(
            "Blocks are measured under Keras's TensorFlow backend. "
            f"Received: KERAS_BACKEND={backend!r}"
        )
    if not hasattr(model, "block_graphs"):
        raise DynresError(
            "Expected a model whose blocks may be computed at some of their points. "
            f"Received: model={type(model).__name__}"
        )
    for key, value in (("threads", threads), ("repeats", repeats)):
        try:
            right = operator.index(value) >= 1
        except TypeError:
            right = False
        if not right:
            raise DynresError(
                f"{key} is a whole number of at least 1. Received: {key}={value!r}"
            )
