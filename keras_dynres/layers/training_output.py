"""What losses and metrics read, and no instance gives."""

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_dynres")
class TrainingOutput(keras.layers.Layer):
    """Marks an output that losses and metrics read, and inference has no use for.

    It gives what it is given. `fit`, `evaluate` and `evaluate_menu` of a method over a
    network see its marked outputs; what `at` returns, is counted and is exported has
    the others alone, and nothing that only the marked ones need.

    Example:

    >>> images = keras.Input((8, 8, 3))
    >>> x = keras.layers.Conv2D(4, 3, padding="same")(images)
    >>> early = TrainingOutput(name="early")(keras.layers.Conv2D(2, 1)(x))
    >>> late = keras.layers.Conv2D(2, 3, padding="same")(x)
    >>> net = keras.Model(images, {"map": late, "early": early})
    >>> import keras_dynres as kd
    >>> model = kd.methods.create("plain", net)
    >>> whole = model.at("full", whole=True)
    >>> sorted(whole.output), sorted(model.at("full").output)
    (['early', 'map'], ['map'])
    """

    def call(self, inputs: Any) -> Any:
        """The input."""
        return inputs

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """That of the input."""
        return input_shape
