"""What is left as it is while a new classifier learns."""

import keras

from keras_dynres import graph
from keras_dynres.errors import DynresError


def freeze(base: keras.Model, frozen: bool = True) -> bool:
    """Freezes a network up to its last feature map, or lets it learn again.

    Frozen batch norms are in inference mode. A model that is compiled must be compiled
    anew.

    Args:
        base: A functional network that classifies images.
        frozen: Which of the two.

    Returns:
        Whether that changed anything.
    """
    layers = _to_the_last_map(base)
    changed = any(layer.trainable == frozen for layer in layers)
    for layer in layers:
        layer.trainable = not frozen
    return changed


class Pause(keras.callbacks.Callback):
    """Ends `fit` after an epoch, which is not the last that others plan by.

    Args:
        epochs: The number of epochs that are finished then.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stops."""
        if epoch + 1 >= self._epochs:
            self.model.stop_training = True


def _to_the_last_map(base):
    maps = [c for c in graph.bottlenecks(base) if len(c.outputs[0].shape) == 4]
    if not maps:
        raise DynresError(
            "Epochs with a frozen base want a network whose paths meet in one feature "
            f"map. Received: {base.name!r}"
        )
    flat = graph.flatten(base)
    calls = graph.upstream(flat, maps[-1].outputs[0])
    return [call.layer for call in calls if isinstance(call.layer, keras.layers.Layer)]
