"""The callback that lets the temperature of sampling fall."""

import keras
import numpy as np

from keras_dynres.errors import DynresError


class GumbelAnnealing(keras.callbacks.Callback):
    """Lets the temperature of a `Sampled` model fall to its end in the last step.

    The temperature is multiplied by the same factor after each step. It is a part of
    the model's saved state, so a resumed training goes on where it was; with a new
    optimizer a new one begins, at `start`. The logs of an
    epoch hold `temperature`, `density`, the mean share of points that were sampled, and
    `density/NAME` of each mask. `Sampled` lets it run before all other callbacks,
    so that `History`, TensorBoard and the like show them, given in whatever order.

    Args:
        start: The temperature of the first step.
        end: The temperature of the last step.
        steps: In how many steps it falls; by default in all that `fit` trains.
        epochs: In how many epochs it falls, in place of `steps`.
        masks: Whether the logs hold each mask's density.

    Example:

    ```python
    model = kd.Sampled(base)
    model.compile(...)
    annealing = kd.callbacks.GumbelAnnealing(1.0, 0.01)
    model.fit(train, epochs=12, callbacks=[annealing])
    ```
    """

    def __init__(
        self,
        start: float = 1.0,
        end: float = 0.01,
        steps: int | None = None,
        epochs: int | None = None,
        masks: bool = True,
    ):
        super().__init__()
        if not 0 < end <= start:
            raise DynresError(
                "A temperature falls, and stays above 0. "
                f"Received: start={start!r}, end={end!r}"
            )
        if steps is not None and epochs is not None:
            raise DynresError(
                "The temperature falls in a number of steps or of epochs, not both. "
                f"Received: steps={steps}, epochs={epochs}"
            )
        self.start, self.end = float(start), float(end)
        self.steps, self.epochs, self.masks = steps, epochs, masks

    @property
    def factor(self) -> float:
        """What the temperature is multiplied by after each step."""
        return (self.end / self.start) ** (1 / max(1, self._steps() - 1))

    def on_train_begin(self, logs: dict | None = None):
        """Sets the schedule."""
        if not hasattr(self.model, "anneal"):
            raise DynresError(
                "GumbelAnnealing steers the temperature of a Sampled model. "
                f"Received: {type(self.model).__name__}"
            )
        if not int(self.model.optimizer.iterations + 0):
            # A training from the beginning, of whatever weights.
            self.model.temperature.passes.assign(0.0)
        self.model.anneal(self.start, self.end, self._steps())

    def on_epoch_end(self, epoch: int, logs: dict | None = None):
        """Adds temperature and densities to the logs."""
        if logs is None:
            return
        densities = self.model.training_densities()
        logs["temperature"] = float(self.model.temperature.value())
        logs["density"] = float(np.mean(list(densities.values())))
        if self.masks:
            logs.update({f"density/{name}": d for name, d in densities.items()})

    def _steps(self):
        if self.steps is not None:
            return self.steps
        if not self.params or self.params.get("steps") is None:
            raise DynresError(
                "How many steps an epoch has is not known here: give "
                "GumbelAnnealing(steps=...), or fit(steps_per_epoch=...)."
            )
        epochs = self.params["epochs"] if self.epochs is None else self.epochs
        return int(epochs) * int(self.params["steps"])
