"""Channels of several groups dealt out in turn."""

from typing import Any

import keras
from keras import ops

from keras_dynres.errors import DynresError


@keras.saving.register_keras_serializable(package="keras_dynres")
class ChannelShuffle(keras.layers.Layer):
    """Takes one channel of each group in turn: the shuffle of ShuffleNet.

    Works at every height and width, so a map may be resized before it. Channels come
    last.

    Args:
        groups: Number of groups of channels, a divisor of the channels.

    Example:

    >>> x = keras.ops.reshape(keras.ops.arange(6), (1, 1, 1, 6))
    >>> keras.ops.convert_to_numpy(ChannelShuffle()(x)).ravel().tolist()
    [0, 3, 1, 4, 2, 5]
    """

    def __init__(self, groups: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(groups, int) or groups < 1:
            raise DynresError(
                f"groups must be a whole number from 1. Received: groups={groups!r}"
            )
        self.groups = groups

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Checks that the groups are of one size."""
        if input_shape[-1] % self.groups:
            raise DynresError(
                f"{input_shape[-1]} channels cannot be shuffled in equal groups. "
                f"Received: groups={self.groups}"
            )
        super().build(input_shape)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """The shape stays."""
        return input_shape

    def call(self, inputs: Any) -> Any:
        """Deals the channels out."""
        channels = inputs.shape[-1]
        x = ops.reshape(inputs, (-1, self.groups, channels // self.groups))
        # Ends as it began, at whatever size the map has in this graph.
        return ops.reshape(ops.transpose(x, (0, 2, 1)), (-1, *ops.shape(inputs)[1:]))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "groups": self.groups}
