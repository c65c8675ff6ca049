"""Resizable training as augmentation of one target."""

import keras

from keras_dynres.errors import DynresError, one_of
from keras_dynres.instance import FULL, Instance


class ResizableAug(keras.callbacks.Callback):
    """Trains many instances first and, in the last epochs, the target alone.

    Resizable-Aug: the feature maps' sizes are augmented, and the network that counts is
    then tuned to its own. It goes with any `DynamicModel`, and with resumed training
    (`initial_epoch`).

    Args:
        target: The instance, or its name.
        share: The share of the epochs before the target's.

    Example:

    ```python
    model = kd.Resizable(base)
    model.compile(...)
    model.fit(train, epochs=90, callbacks=[kd.ResizableAug("full")])
    ```
    """

    def __init__(self, target: str | Instance = FULL, share: float = 2 / 3):
        super().__init__()
        if not 0 <= share <= 1:
            raise DynresError(f"share lies in [0, 1]. Received: share={share}")
        self.target = getattr(target, "name", target)
        self.share = share

    def on_train_begin(self, logs: dict | None = None):
        """Refuses a target that the model does not have."""
        one_of(f"instance of {self.model.name!r}", self.target, self.model.instances)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None):
        """Decides what the epoch trains."""
        alone = epoch >= round(self.share * self.params["epochs"])
        self.model.plan.target = self.target if alone else None

    def on_train_end(self, logs: dict | None = None):
        """Leaves the plan as it was."""
        self.model.plan.target = None
