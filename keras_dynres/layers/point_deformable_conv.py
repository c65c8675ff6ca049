"""A deformable convolution's outputs at some points."""

from typing import Any

import keras
from keras import ops

from keras_dynres.layers.deformable_conv import DeformableConv2D


@keras.saving.register_keras_serializable(package="keras_dynres")
class PointDeformableConv(keras.layers.Layer):
    """Computes a deformable convolution at some points of its output.

    Made by `PointDeformableConv.of(conv, width, name)`; the weights are the
    convolution's.

    Args:
        conv: The `DeformableConv2D`.
        width: How many points a row of its output has.

    Call arguments:
        inputs: The whole map; the offsets at the points, (batch, 1, points, channels);
            their positions in the output, (batch, points).

    Returns:
        (batch, 1, points, filters).
    """

    def __init__(
        self, conv: dict | DeformableConv2D, width: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(conv, dict):
            conv = keras.saving.deserialize_keras_object(conv)
            self._own = conv
        # Behind a function: the weights are the convolution's, not a part of this.
        self._conv = lambda: conv
        self._borrowed = list(conv.weights)
        self.width = int(width)

    @classmethod
    def of(cls, conv: DeformableConv2D, width: int, name: str) -> "PointDeformableConv":
        """The layer for a built convolution."""
        return cls(conv, width, name=name, dtype=conv.dtype_policy)

    @property
    def conv(self) -> DeformableConv2D:
        """The convolution whose weights are used."""
        return self._conv()

    def build(self, input_shape: Any) -> None:
        """Builds a convolution of its own, as after loading a saved graph."""
        if not self.conv.built:
            features, offsets, _ = input_shape
            self.conv.build([features, offsets])

    def compute_output_spec(self, inputs: list) -> keras.KerasTensor:
        """A row for each point."""
        features, offsets, _ = inputs
        shape = (features.shape[0], 1, offsets.shape[2], self.conv.filters)
        return keras.KerasTensor(shape, features.dtype)

    def call(self, inputs: list) -> Any:
        """The points' outputs."""
        features, offsets, index = inputs
        patches = self.conv.patches(
            features, offsets[:, 0], index // self.width, index % self.width
        )
        return ops.expand_dims(self.conv.products(patches), 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        conv = keras.saving.serialize_keras_object(self.conv)
        return {**super().get_config(), "conv": conv, "width": self.width}
