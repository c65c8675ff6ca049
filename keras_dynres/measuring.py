"""Evaluating every instance of a menu."""

import keras

from keras_dynres.tracing import one_trace_each

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
        _compile_like(model, graph, metrics)
        with one_trace_each():
            figures = graph.evaluate(data, verbose=0, return_dict=True)
        readable = {_NAMES.get(key, key): value for key, value in figures.items()}
        model.menu.record(name, **readable)
        bar.update(done)
    return model.menu


def _compile_like(model, graph, metrics):
    """Compiles an instance's graph with the model's own loss and metrics."""
    asked = {}
    if model.compiled:
        config = model.get_compile_config()
        asked = keras.saving.deserialize_keras_object(config) or {}
    graph.compile(
        loss=asked.get("loss"), metrics=metrics or asked.get("metrics") or ["accuracy"]
    )
