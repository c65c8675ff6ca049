"""Evaluating every instance of a menu."""

import keras
from keras import ops

from keras_dynres.core.traces import one_trace_each

_NAMES = {
    "sparse_categorical_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_top_k_categorical_accuracy": "top5_accuracy",
    "top_k_categorical_accuracy": "top5_accuracy",
}


def evaluate_menu(model, data, names, metrics, verbose):
    """Evaluates the named instances; see `DynamicModel.evaluate_menu`."""
    graphs = {name: model.at(name) for name in names}  # Refuses before any work.
    bar = keras.utils.Progbar(len(names), verbose=int(bool(verbose)), unit_name="inst")
    for done, (name, graph) in enumerate(graphs.items(), 1):
        asked = _asked(model)
        # A model around the same calls: what is compiled for it goes with it.
        graph = keras.Model(graph.input, graph.output)
        # A model that was never compiled has no loss, and Keras wants one.
        graph.compile(
            loss=asked.get("loss") or _nothing,
            metrics=metrics or asked.get("metrics") or ["accuracy"],
        )
        with one_trace_each():
            figures = graph.evaluate(data, verbose=0, return_dict=True)
        if not asked.get("loss"):
            del figures["loss"]
        readable = {_NAMES.get(key, key): value for key, value in figures.items()}
        model.menu.record(name, **readable)
        bar.update(done)
    return model.menu


def _asked(model):
    """What the model was compiled with, objects of its own for each call."""
    if not model.compiled:
        return {}
    return keras.saving.deserialize_keras_object(model.get_compile_config()) or {}


def _nothing(y_true, y_pred):
    del y_true
    return 0.0 * ops.sum(ops.cast(y_pred, "float32"), axis=-1)
