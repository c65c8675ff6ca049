"""Filling the points of a map that were not computed from those that were."""

import math
from typing import Any

import keras
from keras import ops

from keras_dynres.errors import DynresError, one_of

KINDS = ("rbf", "convolution", "average", "previous", "zeros")
# Below the weighted average; keeps windows without a sample at zero.
EPSILON = 1e-5
FIRST_WIDTH = 3.0


@keras.saving.register_keras_serializable(package="keras_dynres")
class Interpolation(keras.layers.Layer):
    """A map, its sampled points kept and the others made of samples around them.

    At mask m a point becomes `m y + (1 - m) C`, where C is the weighted average of the
    window's `m y`, `sum(w m y) / (sum(w m) + 1e-5)`. The mask may be soft.

    Args:
        kind: How samples are weighted: `"rbf"` by `exp(-l^2 d^2 / 2) l^2 / (2 pi)` at
            distance d, with one trained l, the `width` (it begins with 3: the larger,
            the nearer a sample must be); `"convolution"` by a trained kernel, in the
            denominator by its absolute values; `"average"` all alike. `"zeros"` and
            `"previous"` average nothing: C is 0, or a third input where there is one.
        window: Height and width of the window, odd.
        rate_factor: What the gradients of width or kernel are multiplied by.

    Example:

    >>> row = keras.ops.reshape([1.0, 0.0, 3.0], (1, 1, 3, 1))
    >>> mask = keras.ops.reshape([1.0, 0.0, 1.0], (1, 1, 3, 1))
    >>> float(Interpolation("average", window=3)([row, mask])[0, 0, 1, 0].numpy())
    1.9999...
    """

    def __init__(
        self,
        kind: str = "rbf",
        window: int = 7,
        rate_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = one_of("interpolation", kind, KINDS)
        if int(window) != window or window < 1 or window % 2 == 0:
            raise DynresError(
                "A window is an odd number of points, as 5 or 7. "
                f"Received: window={window!r}"
            )
        self.window = int(window)
        self.rate_factor = float(rate_factor)
        self.width = self.kernel = None
        if self.kind == "rbf":
            self.width = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(FIRST_WIDTH),
                name="width",
                dtype="float32",
                autocast=False,
            )
        if self.kind == "convolution":
            self.kernel = self.add_weight(
                shape=(self.window, self.window),
                initializer=keras.initializers.Constant(1 / self.window**2),
                name="kernel",
                dtype="float32",
                autocast=False,
            )

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make: weights do not depend on the input."""

    @property
    def averages(self) -> bool:
        """Whether points are made of samples around them."""
        return self.kind in ("rbf", "convolution", "average")

    @property
    def divides(self) -> bool:
        """Whether weighted sums are divided by sums of weights."""
        return self.averages

    @property
    def separable(self) -> bool:
        """Whether the window is the product of a column and a row."""
        return self.kind in ("rbf", "average")

    def profile(self) -> Any:
        """Weights of a separable window's column, and of its row: (window,)."""
        if self.kind == "average":
            return ops.ones((self.window,), "float32")
        half = self.window // 2
        width = slowed(self.width, self.rate_factor)
        distance = ops.arange(-half, half + 1, dtype="float32")
        return ops.exp(-((width * distance) ** 2) / 2) * width / math.sqrt(2 * math.pi)

    def taps(self) -> Any:
        """Weights of a window that is trained as a whole: (window, window)."""
        return slowed(self.kernel, self.rate_factor)

    def spread(self, features: Any) -> Any:
        """The weighted sums over each point's window, as zeros outside the map."""
        if self.separable:
            return _separably(features, self.profile())
        return _depthwise(features, self.taps())

    def weights_at(self, mask: Any) -> Any:
        """The sums of weights that `spread` is divided by, float32."""
        mask = ops.cast(mask, "float32")
        if self.separable:
            return _separably(mask, self.profile()) + EPSILON
        return _depthwise(mask, ops.abs(self.taps())) + EPSILON

    def compute_output_spec(self, inputs: list) -> keras.KerasTensor:
        """The map's."""
        return keras.KerasTensor(inputs[0].shape, inputs[0].dtype)

    def call(self, inputs: list) -> Any:
        """The filled map.

        Args:
            inputs: The map, its mask (batch, height, width, 1), and what
                `"previous"` fills unsampled points with.
        """
        features, mask, *previous = inputs
        soft = ops.cast(mask, features.dtype)
        sampled = features * soft
        if self.averages:
            share = (1 - ops.cast(mask, "float32")) / self.weights_at(mask)
            return sampled + ops.cast(share, features.dtype) * self.spread(sampled)
        return sampled + (1 - soft) * previous[0] if previous else sampled

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "kind": self.kind,
            "window": self.window,
            "rate_factor": self.rate_factor,
        }


def slowed(weight: Any, factor: float) -> Any:
    """The weight, with its gradient multiplied by the factor."""
    value = ops.convert_to_tensor(weight)
    if factor == 1:
        return value
    return factor * value + (1 - factor) * ops.stop_gradient(value)


def band(profile: Any, size: int) -> Any:
    """The (size, size) matrix that sums a column's windows with these weights."""
    half = profile.shape[0] // 2
    distance = ops.arange(size)[:, None] - ops.arange(size)[None, :]
    inside = ops.cast(ops.abs(distance) <= half, profile.dtype)
    return inside * ops.take(profile, ops.clip(distance + half, 0, 2 * half))


def _separably(features: Any, profile: Any) -> Any:
    """Products with banded matrices: quicker than windows, forth and back."""
    _, height, width, channels = features.shape
    rows = ops.cast(band(profile, height), features.dtype)
    columns = ops.cast(band(profile, width), features.dtype)
    lines = ops.reshape(features, (-1, height, width * channels))
    lines = ops.reshape(ops.matmul(rows, lines), (-1, width, channels))
    return ops.reshape(ops.matmul(columns, lines), (-1, height, width, channels))


def _depthwise(features: Any, taps: Any) -> Any:
    window, channels = taps.shape[0], features.shape[-1]
    kernel = ops.broadcast_to(taps[:, :, None, None], (window, window, channels, 1))
    return ops.depthwise_conv(
        features, ops.cast(kernel, features.dtype), padding="same"
    )
