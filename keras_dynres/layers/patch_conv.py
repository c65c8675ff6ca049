"""Another convolution's kernel over windows that stand side by side."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.errors import DynresError


@keras.saving.register_keras_serializable(package="keras_dynres")
class PatchConv2D(keras.layers.Conv2D):
    """A convolution of `PointPatches` by another convolution's kernel.

    Made by `PatchConv2D.of(conv, name)`. Without a source, as after loading a saved
    graph, it is an ordinary convolution of its own. `plain()` and `plain_weights()` say
    what it computes as a stock layer.

    Example:

    >>> conv = keras.layers.Conv2D(8, 3, padding="same")
    >>> conv.build((None, 9, 9, 4))
    >>> patches = PatchConv2D.of(conv, "patches")
    >>> patches.strides, patches.kernel is conv.kernel
    ((3, 3), True)
    """

    # Behind a function, so that Keras does not track the source as a part of this.
    _source = staticmethod(lambda: None)

    @classmethod
    def of(cls, source: keras.layers.Conv2D, name: str) -> "PatchConv2D":
        """The built layer for a built convolution."""
        config = keras.layers.Conv2D.get_config(source)
        layer = cls.from_config(
            {
                **{k: v for k, v in config.items() if k in _stock_config()},
                "strides": source.kernel_size,
                "padding": "valid",
                "dilation_rate": (1, 1),
                "name": name,
            }
        )
        layer._source = lambda: source
        layer.build((None, None, None, source.kernel.shape[2] * source.groups))
        return layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Takes the weights of the source."""
        source = self._source()
        if source is None:
            super().build(input_shape)
            return
        self._borrowed = list(source.weights)
        self._kernel = source.kernel
        self.bias = source.bias
        self.input_spec = keras.layers.InputSpec(min_ndim=4, axes={-1: input_shape[-1]})
        self.built = True

    def load_own_variables(self, store: Any) -> None:
        """Loads a convolution's weights, where they are this layer's own."""
        source = self._source()
        if source is not None:
            raise DynresError(
                f"Layer {self.name!r} uses the kernel of {source.name!r}: load weights "
                "into the whole model, or into a copy of the instance."
            )
        super().load_own_variables(store)

    def plain(self) -> keras.layers.Conv2D:
        """A stock `Conv2D` that computes the same."""
        config = {k: v for k, v in self.get_config().items() if k in _stock_config()}
        return keras.layers.Conv2D.from_config({**config, "name": self.name})

    def plain_weights(self) -> list[np.ndarray]:
        """The weights of `plain()`."""
        weights = [self.kernel] if self.bias is None else [self.kernel, self.bias]
        return [ops.convert_to_numpy(weight) for weight in weights]


def _stock_config():
    return keras.layers.Conv2D(1, 1).get_config()
