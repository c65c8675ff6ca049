"""Batch-norm statistics, exact over a number of batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres import graph
from keras_dynres.core.batches import images_of
from keras_dynres.core.traces import one_trace_each
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL


def calibrate(
    model: keras.Model,
    data: Any,
    names: Sequence[str],
    batches: int | None,
    resume: bool,
    verbose: Any,
):
    """Fills the statistics of the named instances; see `DynamicModel.calibrate`.

    A layer that several instances fill gets the moments of all, each weighted by how
    often training draws it, once the last of them has run.
    """
    names = _in_order(model, names, resume)
    odds = model.plan.odds
    filled = {name: _filled_by(model, name) for name in names}
    data = _repeatable(data, batches)
    parts, finished = {}, set()
    bar = keras.utils.Progbar(len(names), verbose=int(bool(verbose)), unit_name="inst")
    for done, name in enumerate(names, 1):
        shared = model.at(name, uncalibrated=True, training=True)
        for layer, moments in _moments_of(shared, name, filled[name], data, batches):
            parts.setdefault(layer, []).append((odds[name], moments))
        waiting = {id(layer) for later in names[done:] for layer in filled[later]}
        for layer in [layer for layer in parts if id(layer) not in waiting]:
            _store(layer, parts.pop(layer))
            finished.add(id(layer))
        _mark(model, [n for n in names if {id(x) for x in filled[n]} <= finished])
        bar.update(done)


def recalibrate(model: keras.Model, data: Any, batches: int | None = None):
    """Computes a plain model's batch-norm statistics anew, exactly over the data.

    For a copy of one instance: what `calibrate` writes into a model of the menu may be
    shared with other instances, and is then the average of theirs.

    Example:

    ```python
    net = model.at("s0.45-1-0.85-1", copy=True)
    kd.recalibrate(net, train, batches=100)
    ```

    Args:
        model: A functional `keras.Model`, such as `model.at(name, copy=True)`.
        data: Batches of images, as `DynamicModel.calibrate` takes them.
        batches: How many batches to use, by default all.
    """
    norms = list(dict.fromkeys(call.layer for call in _norm_calls(model)))
    for layer, moments in _moments_of(model, model.name, norms, data, batches):
        _store(layer, [(1, moments)])


def _repeatable(data, batches):
    """The data, which every instance runs over; what comes once is kept."""
    if isinstance(data, Iterator):
        return list(images_of(data, limit_batches=batches))
    return data


def _in_order(model, names, resume):
    """What is to be done: `full` first, since the others stand on its statistics."""
    names = sorted(names, key=lambda name: name != FULL)
    if not resume or (FULL in names and not model.is_calibrated(FULL)):
        return names
    return [name for name in names if not model.is_calibrated(name)]


def _filled_by(model, name):
    """The batch norms whose statistics an instance determines."""
    norms = _norm_calls(model.at(name, uncalibrated=True, training=True))
    if not model.statistics.shared and name != FULL:
        # Calls that are the full network's see what the full network sees.
        full = graph.calls(model.at(FULL, uncalibrated=True, training=True))
        same = {id(call.outputs[0]) for call in full}
        norms = [call for call in norms if id(call.outputs[0]) not in same]
    return list(dict.fromkeys(call.layer for call in norms))


def _norm_calls(model):
    return [
        call
        for call in graph.calls(model)
        if isinstance(call.layer, keras.layers.BatchNormalization)
    ]


def _moments_of(model, name, layers, data, batches):
    """[(layer, (mean, mean of squares))] of what the layers see over the data."""
    if not layers:
        return []
    probe, order = _probe(model, layers)
    totals, seen = 0, 0
    for images in images_of(data, limit_batches=batches):
        with one_trace_each():
            got = probe.predict_on_batch(images)
        rows = [np.asarray(row, "float64").mean(axis=0) for row in got]
        pairs = zip(rows[::2], rows[1::2], strict=True)
        flat = [part for mean, var in pairs for part in (mean, var + mean**2)]
        if not all(np.isfinite(part).all() for part in flat):
            raise DynresError(
                f"Calibrating {name!r} met feature maps that are not finite: the "
                "weights or the images hold NaN or infinity."
            )
        totals = totals + len(images) * np.concatenate(flat)
        seen += len(images)
    widths = [w for layer in order for w in 2 * [layer.moving_mean.shape[0]]]
    split = np.split(totals / seen, np.cumsum(widths)[:-1])
    return list(zip(order, zip(split[::2], split[1::2], strict=True), strict=True))


def _probe(instance_graph, layers):
    """The graph with batch moments at the layers as outputs; the layers in order."""
    outputs, order = [], []

    def take(layer):
        moments = _Moments(layer)

        def edit(call, inputs, **kwargs):
            del call, kwargs
            x, mean, variance = moments(inputs)
            outputs.extend([mean, variance])
            order.append(layer)
            return x

        return edit

    edits = {layer.name: take(layer) for layer in layers}
    probe = graph.rewire(instance_graph, edits)
    return keras.Model(probe.input, outputs), order


def _store(layer, parts):
    if not any(w for w, _ in parts):  # Of instances that training never draws.
        parts = [(1, moments) for _, moments in parts]
    weight = sum(w for w, _ in parts)
    mean = sum(w * m for w, (m, _) in parts) / weight
    square = sum(w * s for w, (_, s) in parts) / weight
    layer.moving_mean.assign(mean.astype("float32"))
    layer.moving_variance.assign(np.maximum(square - mean**2, 0).astype("float32"))


def _mark(model, names):
    flags = np.array(model.calibrated + 0)
    flags[[model.instances.index(name) for name in names]] = 1
    model.calibrated.assign(flags)


class _Moments(keras.layers.Layer):
    """A batch norm by the batch's own moments, which it hands out too."""

    def __init__(self, norm):
        super().__init__(name=f"{norm.name}_moments", dtype=norm.dtype_policy)
        self._norm = lambda: norm  # Not tracked: its weights stay where they are.

    def call(self, inputs):
        norm = self._norm()
        x = ops.cast(inputs, "float32")
        axis = norm.axis % len(inputs.shape)
        others = [i for i in range(len(inputs.shape)) if i != axis]
        mean, variance = ops.moments(x, others, keepdims=True)
        shape = [-1 if i == axis else 1 for i in range(len(inputs.shape))]
        x = (x - mean) * ops.rsqrt(variance + norm.epsilon)
        if norm.scale:
            x = x * ops.reshape(ops.cast(norm.gamma, "float32"), shape)
        if norm.center:
            x = x + ops.reshape(ops.cast(norm.beta, "float32"), shape)
        # A leading one makes them a batch of one to predict_on_batch, and one row a
        # replica under a distribution strategy.
        rows = [ops.reshape(moment, (1, -1)) for moment in (mean, variance)]
        return [ops.cast(x, inputs.dtype), *rows]
