"""The temperature of sampling masks, which falls with every training step."""

from typing import Any

import keras
from keras import ops

from keras_dynres.errors import DynresError


@keras.saving.register_keras_serializable(package="keras_dynres")
class Temperature(keras.layers.Layer):
    """A temperature that falls by one factor with each pass; saved with the model.

    It is `start * (end / start) ** (passes / (last passes))` and stays at `end`.

    Example:

    >>> temperature = Temperature()
    >>> temperature.fall(1.0, 0.01, passes=3)
    >>> for _ in range(3):
    ...     print(round(float(temperature.value()), 3))
    ...     temperature.advance()
    1.0
    0.1
    0.01
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # In mixed precision too: bfloat16 counts to 256 and stays there.
        options = {"trainable": False, "dtype": "float32", "autocast": False}
        options["aggregation"] = "only_first_replica"
        self.passes = self.add_weight(
            shape=(), initializer="zeros", name="passes", **options
        )
        # Start, end and the last pass.
        self.schedule = self.add_weight(
            shape=(3,), initializer="zeros", name="schedule", **options
        )
        self.fall()

    def build(self, input_shape: Any = None) -> None:
        """Has nothing to make."""

    def fall(self, start: float = 1.0, end: float = 0.01, passes: float = 10_000):
        """Sets the schedule: from `start` to `end`, which the last pass has."""
        if not 0 < end <= start:
            raise DynresError(
                "A temperature falls, and stays above 0. "
                f"Received: start={start!r}, end={end!r}"
            )
        self.schedule.assign([start, end, max(1.0, float(passes) - 1)])

    def value(self) -> Any:
        """The temperature of the next pass."""
        start, end, last = ops.unstack(ops.convert_to_tensor(self.schedule))
        share = ops.minimum(ops.convert_to_tensor(self.passes) / last, 1.0)
        return start * (end / start) ** share

    def advance(self):
        """Counts a pass."""
        self.passes.assign(self.passes + 1.0)
