"""A map in the size of another."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_dynres.errors import DynresError, one_of


@keras.saving.register_keras_serializable(package="keras_dynres")
class ResizeLike(keras.layers.Layer):
    """Resizes a map to the height and width of another.

    Called on `[map, like]`. Wherever a network adds two maps, or gives one in the
    images' size, the sizes then fit whatever an instance has pooled before. A map that
    is of the size already is given as it is.

    Args:
        interpolation: `"bilinear"` (pixel centres are halves, as everywhere in Keras)
            or `"nearest"`.

    Example:

    >>> coarse, fine = keras.ops.ones((1, 4, 4, 8)), keras.ops.ones((1, 7, 9, 3))
    >>> tuple(ResizeLike()([coarse, fine]).shape)
    (1, 7, 9, 8)
    """

    def __init__(self, interpolation: str = "bilinear", **kwargs: Any):
        super().__init__(**kwargs)
        self.interpolation = one_of(
            "interpolation", interpolation, ("bilinear", "nearest")
        )

    def call(self, inputs: Sequence[Any]) -> Any:
        """Resizes the first to the size of the second."""
        image, like = inputs
        size = tuple(like.shape[1:3])
        if tuple(image.shape[1:3]) == size:
            return image
        if None in size:
            raise DynresError(
                f"{self.name} needs a known height and width. Received: {like.shape}"
            )
        dtype = image.dtype
        resized = ops.image.resize(
            image,
            size,
            interpolation=self.interpolation,
            data_format="channels_last",
        )
        return ops.cast(resized, dtype)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple:
        """The second's height and width, the first's channels."""
        image, like = input_shape
        return (image[0], *like[1:3], image[3])

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "interpolation": self.interpolation}
