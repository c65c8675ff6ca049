"""Keras graphs into the bytes of one TFLite file, a signature for each."""

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres.tflite import compact, forms, stages
from keras_dynres.tflite.conditions import SHIFT
from keras_dynres.tflite.facts import output_names
from keras_dynres.tflite.precision import Precision, precision_of
from keras_dynres.tflite.stages import INPUT, OUTPUT


def convert(
    graphs: Mapping[str, keras.Model],
    precision: str | Precision = "float32",
    calibration_images: np.ndarray | None = None,
    rows: Sequence[stages.StageRow] = (),
) -> bytes:
    """Converts functional models to one TFLite file that holds each weight once.

    Args:
        graphs: Maps a signature's name to a functional `keras.Model` with one image
            input of known size, and a number, the `shift`, where it is `shiftable`;
            a stage's has the inputs its row names.
        precision: A name of `PRECISIONS`.
        calibration_images: An array of images; `"int8"` takes the ranges of
            activations from them.
        rows: A `StageRow` for each stage among the graphs, in order.

    Returns:
        The file's bytes. Each signature has one input, `images`, whose batch is 1,
        and the outputs that `output_names` says; stages hand features on beside
        their prediction, `outputs`. All are float32.
    """
    import tensorflow as tf

    precision = precision_of(precision)
    graphs = forms.prepared(graphs, precision)
    module = tf.Module()
    # A module follows TensorFlow's variables, not Keras's.
    module.weights = list(
        {id(v): v.value for model in graphs.values() for v in model.variables}.values()
    )
    ports = {row.signature: (row.takes, (OUTPUT, *row.makes)) for row in rows}
    functions = {
        name: _function(model, *ports.get(name, (_takes(model), output_names(model))))
        for name, model in graphs.items()
    }
    with tempfile.TemporaryDirectory() as directory, _quiet():
        tf.saved_model.save(module, directory, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            directory, signature_keys=list(functions)
        )
        if precision.optimized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision.weights is not None:
            converter.target_spec.supported_types = [tf.as_dtype(precision.weights)]
        if precision.integer:
            images = np.asarray(calibration_images, "float32")
            shifted = {n: {SHIFT: 0.0} for n, m in graphs.items() if SHIFT in _takes(m)}
            converter.representative_dataset = lambda: _samples(
                functions, rows, images, shifted
            )
        data = converter.convert()
    return compact.compact(data, precision.integer, not precision.optimized)


def _function(model: keras.Model, takes: Sequence[str], gives: Sequence[str]) -> Any:
    import tensorflow as tf

    def run(**features):
        inputs = keras.tree.pack_sequence_as(
            model.input, [features[name] for name in takes]
        )
        outputs = keras.tree.flatten(model(inputs, training=False))
        return dict(zip(gives, outputs, strict=True))

    specs = {
        name: tf.TensorSpec([n or 1 for n in tensor.shape], tf.float32, name=name)
        for name, tensor in zip(takes, model.inputs, strict=True)
    }
    return tf.function(run, autograph=False).get_concrete_function(**specs)


def _takes(model: keras.Model) -> tuple[str, ...]:
    """What a signature that is no stage calls its inputs."""
    return (INPUT, SHIFT)[: len(model.inputs)]


def _samples(
    functions: Mapping[str, Callable],
    rows: Sequence[stages.StageRow],
    images: np.ndarray,
    more: Mapping[str, Mapping[str, float]],
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """What each signature is given for each image; stages what those before made."""
    import tensorflow as tf

    asked = []

    def noting(name):
        def call(**features):
            asked.append((name, features))
            return functions[name](**features)

        return call

    noted = {row.signature: noting(row.signature) for row in rows}
    for image in images:
        batch = tf.constant(image[None])
        asked[:] = [
            (name, {INPUT: batch, **more.get(name, {})})
            for name in functions
            if name not in noted
        ]
        for _ in stages.run(rows, noted, batch):
            pass
        for name, features in asked:
            yield name, {k: np.asarray(v, "float32") for k, v in features.items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # The converter's own calibrator still uses it.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecat")
        yield
