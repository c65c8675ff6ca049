"""A batch norm that training leaves alone."""

from typing import Any

import keras


class FrozenNorm(keras.layers.Layer):
    """Another batch norm on its statistics, in training too; nothing of it is trained.

    It stands in graphs that train, which are not saved.

    Args:
        norm: The built `keras.layers.BatchNormalization`.

    Example:

    >>> norm = keras.layers.BatchNormalization()
    >>> norm.build((None, 4))
    >>> frozen = FrozenNorm(norm)
    >>> _ = frozen(keras.ops.ones((2, 4)), training=True)
    >>> keras.ops.convert_to_numpy(norm.moving_mean).tolist(), frozen.trainable_weights
    ([0.0, 0.0, 0.0, 0.0], [])
    """

    def __init__(self, norm: keras.layers.BatchNormalization, **kwargs: Any) -> None:
        kwargs.setdefault("name", f"{norm.name}_frozen")
        super().__init__(dtype=norm.dtype_policy, **kwargs)
        # Behind a function, so that Keras does not track it as a part of this.
        self._norm = lambda: norm

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make."""

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """As the input."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs: Any) -> Any:
        """Normalises."""
        return self._norm()(inputs, training=False)
