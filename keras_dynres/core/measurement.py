"""Evaluating every instance of a menu."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_dynres.core.batches import batches
from keras_dynres.core.labels import of_outputs
from keras_dynres.core.traces import one_trace_each
from keras_dynres.instance import Menu

# Keras' names of metrics, and ours; outputs' names may stand before them.
_NAMES = {
    "sparse_categorical_accuracy": "accuracy",
    "sparse_top_k_categorical_accuracy": "top5_accuracy",
    "top_k_categorical_accuracy": "top5_accuracy",
    "categorical_accuracy": "accuracy",
    "one_hot_mean_io_u": "mean_iou",
    "mean_io_u": "mean_iou",
}


def evaluate_menu(
    model: keras.Model, data: Any, names: Sequence[str], metrics: Any, verbose: Any
) -> Menu:
    """Evaluates the named instances; see `DynamicModel.evaluate_menu`."""
    # Refuses before any work.
    graphs = {name: model.at(name, whole=True) for name in names}
    data = _repeatable(data)
    # TensorFlow traces twice where a trace makes a metric's variables.
    sample = _sample(data) if keras.backend.backend() == "tensorflow" else None
    bar = keras.utils.Progbar(len(names), verbose=int(bool(verbose)), unit_name="inst")
    for done, (name, graph) in enumerate(graphs.items(), 1):
        asked = _asked(model)
        # A model around the same calls: what is compiled for it goes with it.
        graph = _Measured(graph.input, graph.output, name=graph.name)
        # A model that was never compiled has no loss, and Keras wants one.
        graph.compile(
            loss=asked.get("loss") or _no_loss(graph),
            loss_weights=asked.get("loss_weights") if _by_name(asked) else None,
            metrics=_fresh(metrics) or asked.get("metrics") or _accuracies(graph),
        )
        if sample:
            _build_metrics(graph, *sample)
        with one_trace_each():
            figures = graph.evaluate(*data, verbose=0, return_dict=True)
        if not asked.get("loss"):
            figures = {k: v for k, v in figures.items() if not k.endswith("loss")}
        figures = {_readable(key): value for key, value in figures.items()}
        if model.at(name).output_names != graph.output_names:
            figures = _bare(figures, graph.output_names)
        model.menu.record(name, **figures)
        bar.update(done)
    if names and model.menu.metric not in figures:
        known = [key for key in figures if not key.endswith("loss")]
        model.menu.metric = known[0] if known else model.menu.metric
    return model.menu


def _repeatable(data):
    """What `evaluate` is given, again for each instance."""
    walk = batches(data)  # Refuses what is no data.
    if isinstance(data, tuple):
        next(walk)  # And what does not fit together.
        return data
    if isinstance(data, (list, Iterator)):
        return (_KeptBatches(data),)
    return (data,)


def _sample(data):
    """One image and its label."""
    images, labels = next(batches(data if len(data) > 1 else data[0]))
    return images[:1], keras.tree.map_structure(lambda leaf: leaf[:1], labels)


def _build_metrics(graph, images, labels):
    """Makes the metrics' variables ahead of any trace."""
    if labels is not None:
        outputs = graph(images, training=False)
        graph.compute_loss(images, labels, outputs, training=False)
        graph.compute_metrics(images, labels, outputs)
        graph.reset_metrics()


class _Measured(keras.Model):
    """A functional model whose labels may be those of all its outputs."""

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        y = of_outputs(y, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y = of_outputs(y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)


class _KeptBatches(keras.utils.PyDataset):
    """Batches that would come once, kept for all instances."""

    def __init__(self, data):
        super().__init__()
        self._batches = list(data)
        next(batches(self._batches))

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        return self._batches[index]


def _asked(model):
    """What the model was compiled with, objects of its own for each call."""
    if not model.compiled:
        return {}
    return keras.saving.deserialize_keras_object(model.get_compile_config()) or {}


def _by_name(asked):
    """Whether each output has a loss of its own: an instance has the same outputs."""
    return isinstance(asked.get("loss"), dict)


def _fresh(metrics):
    """The metrics as objects of their own: what one instance counted is no other's."""
    return metrics and keras.tree.map_structure(
        lambda m: type(m).from_config(m.get_config()) if _is_metric(m) else m, metrics
    )


def _is_metric(thing):
    return isinstance(thing, keras.metrics.Metric)


def _readable(key):
    """The figure's name; Keras numbers metrics of one class after the first."""
    for name, short in _NAMES.items():
        numbered = re.fullmatch(rf"(|.*_){name}(_\d+)?", key)
        if numbered:
            return numbered[1] + short
    return key


def _bare(figures, outputs):
    """Without the output's name where one output alone has such a figure.

    Next to outputs that only training knows, one network's figure needs no prefix.
    """
    bare = {
        key: next((key[len(o) + 1 :] for o in outputs if key.startswith(f"{o}_")), key)
        for key in figures
    }
    short = list(bare.values())
    return {
        bare[key] if short.count(bare[key]) == 1 else key: value
        for key, value in figures.items()
    }


def _accuracies(graph):
    if isinstance(graph.output, dict):
        return {name: ["accuracy"] for name in graph.output}
    return ["accuracy"]


def _no_loss(graph):
    return keras.tree.map_structure(lambda _: _nothing, graph.output)


def _nothing(y_true, y_pred):
    del y_true
    return 0.0 * ops.sum(ops.cast(y_pred, "float32"), axis=-1)
