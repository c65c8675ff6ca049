"""A plain network as a menu."""

import keras

from keras_dynres.core.dynamic import DynamicModel


@keras.saving.register_keras_serializable(package="keras_dynres")
class Plain(DynamicModel):
    """The base as it is: a menu of `full` alone.

    So a network without a method, a baseline, is trained, calibrated, measured,
    published and exported as the others are.

    Args:
        base: A functional `keras.Model` of images.
        seed: Of no effect: a step has one instance to draw.
        name: Name of the model, by default the base's.

    Example:

    >>> kd.Plain(kd.architectures.wide_resnet(depth=10, width=1)).instances
    ['full']
    """
