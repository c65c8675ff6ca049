"""MSDNet: exits on features that are coarse from the start."""

import keras

from keras_dynres import architectures
from keras_dynres.exits.model import ExitModel

# What ExitModel takes; all else is the architecture's.
_OWN = (
    *("exit_weights", "distillation", "temperature"),
    *("policies", "seed", "menu", "name"),
)


@keras.saving.register_keras_serializable(package="keras_dynres")
class MSDNet(ExitModel):
    """A multi-scale dense network (Huang et al., ICLR 2018); each exit an instance.

    Args:
        base: Name of a published network: `"cifar_anytime"`, `"cifar_budget10"` (15,
            21, 28, 36), `"imagenet_step4"` (6, 7); or a network of
            `keras_dynres.architectures.msdnet`.
        **kwargs: Arguments of `ExitModel`; beside a name, also those of the
            architecture: `input_shape`, `classes`, `steps`, `growth` ...

    Example:

    >>> model = kd.MSDNet("cifar_budget10", classes=100)
    >>> model.instances
    ['exit1', 'exit2', 'exit3', 'full']

    Reference: https://arxiv.org/abs/1703.09844
    """

    def __init__(self, base="cifar_anytime", **kwargs):
        if isinstance(base, str):
            own = {key: kwargs.pop(key) for key in _OWN if key in kwargs}
            base, kwargs = architectures.msdnet(base, **kwargs), own
        super().__init__(base, **kwargs)
