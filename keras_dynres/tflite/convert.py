"""Keras graphs into the bytes of one TFLite file, a signature for each."""

import contextlib
import tempfile
import warnings

import keras
import numpy as np

from keras_dynres.tflite import compact, forms, staging

PRECISIONS = ("float32", "float16", "int8", "int8-weights")


def convert(graphs, precision="float32", calibration_images=None, stages=()):
    """Converts functional models to one TFLite file that holds each weight once.

    Args:
        graphs: Maps a signature's name to a functional `keras.Model` with one image
            input of known size and one output; a stage's has those its row names.
        precision: One of `PRECISIONS`.
        calibration_images: An array of images; `"int8"` takes the ranges of
            activations from them.
        stages: A `StageRow` for each stage among the graphs, in order.

    Returns:
        The file's bytes. Each signature has one input, `images`, whose batch is 1,
        and one output, `outputs`; stages hand features on beside them. All are
        float32.
    """
    import tensorflow as tf

    graphs = forms.prepared(graphs, precision)
    module = tf.Module()
    # A module follows TensorFlow's variables, not Keras's.
    module.weights = list(
        {id(v): v.value for model in graphs.values() for v in model.variables}.values()
    )
    ports = {row.signature: (row.takes, ("outputs", *row.makes)) for row in stages}
    functions = {
        name: _function(model, *ports.get(name, (("images",), ("outputs",))))
        for name, model in graphs.items()
    }
    with tempfile.TemporaryDirectory() as directory, _quiet():
        tf.saved_model.save(module, directory, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            directory, signature_keys=list(functions)
        )
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            images = np.asarray(calibration_images, "float32")
            converter.representative_dataset = lambda: _samples(
                functions, stages, images
            )
        data = converter.convert()
    return compact.compact(data)


def _function(model, takes, gives):
    import tensorflow as tf

    def run(**given):
        inputs = keras.tree.pack_sequence_as(model.input, [given[n] for n in takes])
        outputs = keras.tree.flatten(model(inputs, training=False))
        return dict(zip(gives, outputs, strict=True))

    specs = {
        name: tf.TensorSpec((1, *tensor.shape[1:]), tf.float32, name=name)
        for name, tensor in zip(takes, model.inputs, strict=True)
    }
    return tf.function(run, autograph=False).get_concrete_function(**specs)


def _samples(functions, stages, images):
    """What each signature is given for each image; stages what those before made."""
    import tensorflow as tf

    asked = []

    def noting(name):
        def call(**given):
            asked.append((name, given))
            return functions[name](**given)

        return call

    noted = {row.signature: noting(row.signature) for row in stages}
    for image in images:
        given = tf.constant(image[None])
        asked[:] = [(n, {"images": given}) for n in functions if n not in noted]
        for _ in staging.run(stages, noted, given):
            pass
        for name, features in asked:
            yield name, {key: value.numpy() for key, value in features.items()}


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings():
        # The converter's own calibrator still uses it.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecat")
        yield
