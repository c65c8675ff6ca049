"""Convolution whose taps are moved by offsets that a network computes."""

from collections.abc import Sequence
from math import prod
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.errors import DynresError, one_of
from keras_dynres.layers.bilinear_patches import bilinear_patches


def tap_coordinates(
    rows: Any,
    columns: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int] = (1, 1),
    dilation_rate: Sequence[int] = (1, 1),
    padding: str = "same",
) -> tuple[Any, Any]:
    """Where in the image the taps of output positions stand, before any offset.

    >>> ys, xs = tap_coordinates([1], [0], (1, 3), (2, 2))
    >>> np.array(ys).tolist(), np.array(xs).tolist()
    ([[2.0, 2.0, 2.0]], [[-1.0, 0.0, 1.0]])

    Args:
        rows: Rows of the output, of shape `(..., positions)`.
        columns: Their columns, of the same shape.
        kernel_size: Height and width of the kernel.
        strides: Of the convolution, along height and width.
        dilation_rate: Of the convolution, along height and width.
        padding: `"same"` or `"valid"`, as `DeformableConv2D` means them.

    Returns:
        Two float32 tensors of shape `(..., positions, taps)`: the taps' rows and
        columns, row by row of the kernel.
    """
    taps = np.indices(tuple(kernel_size)).reshape(2, -1)
    borders = _borders(kernel_size, dilation_rate, padding)
    axes = zip((rows, columns), strides, taps, dilation_rate, borders, strict=True)
    return tuple(
        ops.expand_dims(stride * ops.cast(position, "float32"), -1)
        + (dilation * tap - border).astype("float32")
        for position, stride, tap, dilation, border in axes
    )


@keras.saving.register_keras_serializable(package="keras_dynres")
class DeformableConv2D(keras.layers.Layer):
    """A convolution that reads its taps where offsets move them.

    Called on `[images, offsets]`. The offsets are a map of the output's height and
    width: for the taps, row by row of the kernel, how far down and how far right
    tap 0 moves, then tap 1 and so on, in pixels. With `modulated` the logits of the
    taps' masks follow. Pixels are read bilinearly; outside the image lies zero. With
    offsets of zero and no masks it is an ordinary convolution. Channels come last,
    height and width of the images are known.

    Args:
        filters: Number of channels of the output.
        kernel_size: Height and width of the kernel, or one number for both.
        strides: Along height and width, or one number for both.
        padding: `"valid"`, or `"same"`: `kernel_size // 2 * dilation_rate` pixels on
            every side, at every stride, as the published nets pad and unlike
            `keras.layers.Conv2D`; for kernels of odd height and width.
        dilation_rate: Along height and width, or one number for both.
        groups: Number of groups of channels that are convolved apart.
        modulated: Whether every tap has a mask, between 0 and 1.
        use_bias: Whether a bias is added.
        kernel_initializer: Of the kernel.
        bias_initializer: Of the bias.

    Example:

    >>> images, offsets = keras.ops.ones((1, 8, 8, 3)), keras.ops.zeros((1, 4, 4, 18))
    >>> layer = DeformableConv2D(6, 3, strides=2, padding="same")
    >>> tuple(layer([images, offsets]).shape), tuple(layer.kernel.shape)
    ((1, 4, 4, 6), (3, 3, 3, 6))

    Reference:
        [Deformable Convolutional Networks](https://arxiv.org/abs/1703.06211) (Dai et
        al., 2017), [Deformable ConvNets v2](https://arxiv.org/abs/1811.11168) (Zhu et
        al., 2018)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        modulated: bool = False,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = one_of("padding", padding, ("same", "valid"))
        self.dilation_rate = _pair("dilation_rate", dilation_rate)
        self.groups = groups
        self.modulated = modulated
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        if padding == "same" and not all(size % 2 for size in self.kernel_size):
            raise DynresError(
                'Only kernels of odd height and width have a padding="same" that is '
                f"alike on all sides. Received: kernel_size={kernel_size}"
            )
        if not (_is_count(filters) and _is_count(groups)) or filters % groups:
            raise DynresError(
                "filters must be a whole number from 1 that groups divides. "
                f"Received: filters={filters}, groups={groups}"
            )

    @property
    def offset_channels(self) -> int:
        """Channels of the offsets' map: two for a tap, three where it has a mask."""
        return (3 if self.modulated else 2) * prod(self.kernel_size)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Makes the kernel and the bias."""
        channels = _shapes(self.name, input_shape)[0][-1]
        if channels % self.groups:
            raise DynresError(
                f"{channels} channels cannot be convolved in equal groups. "
                f"Received: groups={self.groups}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )

    def compute_output_shape(
        self, input_shape: Sequence[Any]
    ) -> tuple[int | None, ...]:
        """Height and width of the offsets' map, which must fit, and the filters."""
        images, offsets = _shapes(self.name, input_shape)
        if None in images[1:3]:
            raise DynresError(
                f"{self.name} needs a known height and width. "
                f"Received: images of shape {images}"
            )
        borders = _borders(self.kernel_size, self.dilation_rate, self.padding)
        axes = zip(
            images[1:3],
            borders,
            self.kernel_size,
            self.dilation_rate,
            self.strides,
            strict=True,
        )
        size = tuple(
            (length + 2 * border - dilation * (taps - 1) - 1) // stride + 1
            for length, border, taps, dilation, stride in axes
        )
        if min(size) < 1:
            raise DynresError(
                f"The images are smaller than the kernel of {self.name}. "
                f"Received: images of shape {images}"
            )
        if offsets[1:] != (*size, self.offset_channels):
            raise DynresError(
                f"The offsets of {self.name} must be a map of height, width and "
                f"channels {(*size, self.offset_channels)}. "
                f"Received: offsets of shape {offsets}"
            )
        return (images[0], *size, self.filters)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Reads the patches of all output positions and convolves them."""
        images, offsets = inputs
        shape = self.compute_output_shape([tuple(t.shape) for t in inputs])
        _, height, width, _ = shape
        rows, columns = np.indices((height, width)).reshape(2, -1)
        offsets = ops.reshape(offsets, (-1, height * width, self.offset_channels))
        patches = self.patches(images, offsets, rows, columns)
        return ops.reshape(self.products(patches), (-1, *shape[1:]))

    def patches(self, images: Any, offsets: Any, rows: Any, columns: Any) -> Any:
        """What the taps of some output positions read.

        Args:
            images: The images.
            offsets: The offsets at these positions, `(batch, positions, channels)`.
            rows: Rows of the positions in the output, `(positions,)`, or
                `(batch, positions)` where they differ from image to image.
            columns: Their columns.

        Returns:
            A tensor of shape `(batch, positions, taps, channels)`, multiplied by the
            masks where there are any.
        """
        taps, positions = prod(self.kernel_size), offsets.shape[1]
        # A bfloat16 counts pixels to 256.
        offsets = ops.cast(offsets, "float32")
        shift = ops.reshape(offsets[..., : 2 * taps], (-1, positions, taps, 2))
        masks = ops.sigmoid(offsets[..., 2 * taps :]) if self.modulated else None
        ys, xs = tap_coordinates(
            rows,
            columns,
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )
        return bilinear_patches(images, ys + shift[..., 0], xs + shift[..., 1], masks)

    def products(self, patches: Any) -> Any:
        """Patches times the kernel, and the bias: `(batch, positions, filters)`."""
        _, positions, taps, channels = patches.shape
        if self.groups == 1:
            rows = ops.reshape(patches, (-1, positions, taps * channels))
            outputs = ops.matmul(rows, ops.reshape(self.kernel, (-1, self.filters)))
        else:
            width = channels // self.groups
            rows = ops.reshape(patches, (-1, positions, taps, self.groups, width))
            kernel = ops.reshape(self.kernel, (taps, width, self.groups, -1))
            outputs = ops.einsum("bptgc,tcgf->bpgf", rows, kernel)
            outputs = ops.reshape(outputs, (-1, positions, self.filters))
        return outputs if self.bias is None else outputs + self.bias

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "modulated": self.modulated,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def _borders(
    kernel_size: Sequence[int], dilation_rate: Sequence[int], padding: str
) -> tuple[int, ...]:
    """Pixels of padding on both sides, along height and along width."""
    if padding == "valid":
        return (0, 0)
    axes = zip(kernel_size, dilation_rate, strict=True)
    return tuple(size // 2 * dilation for size, dilation in axes)


def _shapes(name: str, shapes: Any) -> tuple[tuple[int | None, ...], ...]:
    is_list = isinstance(shapes, (list, tuple)) and len(shapes) == 2
    if not (is_list and all(isinstance(shape, (list, tuple)) for shape in shapes)):
        raise DynresError(
            f"{name} is called on [images, offsets]. Received: shapes {shapes}"
        )
    return tuple(tuple(shape) for shape in shapes)


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and value >= 1


def _pair(name: str, value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2 or not all(map(_is_count, pair)):
        raise DynresError(
            f"{name} must be one or two whole numbers from 1. "
            f"Received: {name}={value!r}"
        )
    return pair
