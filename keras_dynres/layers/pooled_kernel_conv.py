"""Convolution with another's kernel, pooled to fewer taps."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.errors import DynresError
from keras_dynres.layers.adaptive_pooling import window_bounds


def kernel_windows(size: int, ratio: int, pooling: str) -> list[tuple[int, int]]:
    """Start and end of the taps that each tap of the pooled kernel averages.

    >>> kernel_windows(3, 2, "floor"), kernel_windows(3, 2, "ceil")
    ([(0, 3)], [(0, 2), (2, 3)])
    """
    if pooling == "floor":
        return window_bounds(size, max(1, size // ratio))
    return [(start, min(start + ratio, size)) for start in range(0, size, ratio)]


@keras.saving.register_keras_serializable(package="keras_dynres")
class PooledKernelConv2D(keras.layers.Conv2D):
    """A convolution by the averages over another convolution's taps.

    It has no weights of its own: gradients pass through the averages to the kernel of
    the convolution it was made of, and the bias is that one's. Made by
    `PooledKernelConv2D.of(convolution, ratio, pooling, name)`. Without a source, as
    after loading a saved graph, it is an ordinary convolution with a small kernel.
    `plain()` and `plain_weights()` say what it computes as a stock layer with weights
    of its own.

    Example:

    >>> source = keras.layers.Conv2D(4, 3, padding="same")
    >>> source.build((None, 8, 8, 2))
    >>> layer = PooledKernelConv2D.of(source, 2, "floor", "pooled")
    >>> tuple(layer.kernel.shape), layer.trainable_weights[0] is source.kernel
    ((1, 1, 2, 4), True)
    """

    # Behind a function, so that Keras does not track the source as a part of this.
    _source = staticmethod(lambda: None)

    @classmethod
    def of(
        cls, source: keras.layers.Conv2D, ratio: int, pooling: str, name: str
    ) -> "PooledKernelConv2D":
        """The built layer for a built convolution.

        Args:
            source: A `keras.layers.Conv2D`.
            ratio: What the kernel's height and width are divided by.
            pooling: `"floor"` averages over windows that cover the kernel evenly, to
                floor(K / ratio) taps a side and at least one: a 3x3 kernel to the
                mean of its nine taps. `"ceil"` averages over ratio x ratio taps at
                stride ratio, padded at the end, to ceil(K / ratio) taps a side.
            name: Name of the layer.
        """
        rows, columns = (kernel_windows(n, ratio, pooling) for n in source.kernel_size)
        config = {
            **source.get_config(),
            "kernel_size": (len(rows), len(columns)),
            "name": name,
        }
        layer = cls.from_config(config)
        layer._source = lambda: source
        layer._windows = lambda: (rows, columns)
        channels = source.kernel.shape[2] * source.groups
        last = source.data_format == "channels_last"
        layer.build((None, None, None, channels) if last else (None, channels))
        return layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Takes the weights of the source."""
        source = self._source()
        if source is None:
            super().build(input_shape)
            return
        self._borrowed = list(source.weights)
        self.bias = source.bias
        self.input_spec = source.input_spec
        self.built = True

    @property
    def kernel(self) -> Any:
        """The pooled kernel."""
        source = self._source()
        if source is None:
            return super().kernel
        rows, columns = self._windows()
        kernel = source.kernel
        taps = [
            [
                ops.mean(kernel[top:end, left:right], axis=(0, 1))
                for left, right in columns
            ]
            for top, end in rows
        ]
        return ops.stack([ops.stack(row) for row in taps])

    def load_own_variables(self, store: Any) -> None:
        """Loads a small convolution's weights, where they are this layer's own."""
        source = self._source()
        if source is not None:
            raise DynresError(
                f"Layer {self.name!r} computes its kernel from that of "
                f"{source.name!r}: load weights into the whole model, or into a copy "
                "of the instance."
            )
        super().load_own_variables(store)

    def plain(self) -> keras.layers.Conv2D:
        """A stock `Conv2D` with the small kernel's size, named as the source."""
        source = self._source() or self
        config = {**self.get_config(), "name": source.name}
        return keras.layers.Conv2D.from_config(config)

    def plain_weights(self) -> list[np.ndarray]:
        """The weights of `plain()`: the pooled kernel, and the bias if there is one."""
        weights = [self.kernel] if self.bias is None else [self.kernel, self.bias]
        return [ops.convert_to_numpy(weight) for weight in weights]
