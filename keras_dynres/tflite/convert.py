"""Keras graphs into the bytes of one TFLite file, a signature for each."""

import contextlib
import tempfile
import warnings

import numpy as np

from keras_dynres.tflite import compact, forms

PRECISIONS = ("float32", "float16", "int8", "int8-weights")


def convert(graphs, precision="float32", calibration_images=None):
    """Converts functional models to one TFLite file that holds each weight once.

    Args:
        graphs: Maps a signature's name to a functional `keras.Model` with one image
            input of known size and one output.
        precision: One of `PRECISIONS`.
        calibration_images: An array of images; `"int8"` takes the ranges of
            activations from them.

    Returns:
        The file's bytes. Each signature has one input, `images`, whose batch is 1,
        and one output, `outputs`; both are float32.
    """
    import tensorflow as tf

    graphs = forms.prepared(graphs, precision)
    module = tf.Module()
    # A module follows TensorFlow's variables, not Keras's.
    module.weights = list(
        {id(v): v.value for model in graphs.values() for v in model.variables}.values()
    )
    functions = {name: _function(model) for name, model in graphs.items()}
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
            converter.representative_dataset = lambda: (
                (name, {"images": image[None]})
                for image in np.asarray(calibration_images, "float32")
                for name in functions
            )
        data = converter.convert()
    return compact.compact(data)


def _function(model):
    import tensorflow as tf

    shape = (1, *model.input_shape[1:])

    def run(images):
        return {"outputs": model(images, training=False)}

    spec = tf.TensorSpec(shape, tf.float32, name="images")
    function = tf.function(run, input_signature=[spec], autograph=False)
    return function.get_concrete_function()


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings():
        # The converter's own calibrator still uses it.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecat")
        yield
