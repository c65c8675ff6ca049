"""Batch normalisation whose scale and offset belong to another layer."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_dynres")
class StatisticsSlot(keras.layers.BatchNormalization):
    """A batch norm with statistics of its own; scale and offset are another's.

    Made by `StatisticsSlot.of(batch_norm, name)`. Without a source, as after loading
    a saved graph, it is an ordinary batch norm. `plain()` and `plain_weights()` say
    what it computes as a stock layer with weights of its own.

    Example:

    >>> source = keras.layers.BatchNormalization()
    >>> source.build((None, 8, 8, 4))
    >>> slot = StatisticsSlot.of(source, "slot")
    >>> slot.gamma is source.gamma, slot.moving_mean is source.moving_mean
    (True, False)
    """

    # Behind a function, so that Keras does not track the source as a part of this.
    _source = staticmethod(lambda: None)

    @classmethod
    def of(
        cls,
        source: keras.layers.BatchNormalization,
        name: str,
        trainable: bool | None = None,
    ) -> "StatisticsSlot":
        """A built slot for the batch norm `source`, by default trainable as that is."""
        trainable = source.trainable if trainable is None else trainable
        config = {**source.get_config(), "name": name, "trainable": trainable}
        slot = cls.from_config(config)
        slot._source = lambda: source
        shape = [None] * source.input_spec.ndim
        shape[source.axis] = source.moving_mean.shape[0]
        slot.build(tuple(shape))
        return slot

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the statistics, and takes scale and offset from the source."""
        source = self._source()
        if source is None:
            super().build(input_shape)
            return
        wanted = self.scale, self.center
        self.scale = self.center = False
        super().build(input_shape)
        self.scale, self.center = wanted
        if self.scale:
            self.gamma = source.gamma
        if self.center:
            self.beta = source.beta

    def save_own_variables(self, store: Any) -> None:
        """Stores what an ordinary batch norm would, for graphs saved by themselves."""
        weights = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        weights = [weight for weight in weights if weight is not None]
        for index, variable in enumerate(weights):
            store[str(index)] = variable

    def load_own_variables(self, store: Any) -> None:
        """Loads what is this layer's own: scale and offset come with their layer."""
        if self._source() is None:
            super().load_own_variables(store)
            return
        values = [store[key] for key in sorted(store.keys(), key=int)]
        for variable, value in zip(
            self._non_trainable_variables, values[-2:], strict=True
        ):
            variable.assign(value)

    def plain(self) -> keras.layers.BatchNormalization:
        """A stock `BatchNormalization` of these settings, named as the source."""
        source = self._source() or self
        config = {**self.get_config(), "name": source.name}
        return keras.layers.BatchNormalization.from_config(config)

    def plain_weights(self) -> list[np.ndarray]:
        """The weights of `plain()`: scale and offset if there are any, statistics."""
        weights = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        return [ops.convert_to_numpy(w) for w in weights if w is not None]
