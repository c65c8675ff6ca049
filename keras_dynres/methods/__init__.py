"""The methods by name; adding one is a file and a line here."""

from typing import Any

import keras

from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import one_of
from keras_dynres.methods.early_exit import EarlyExit
from keras_dynres.methods.low_mode import LowMode
from keras_dynres.methods.msdnet import MSDNet
from keras_dynres.methods.multi_scale import MultiScale
from keras_dynres.methods.plain import Plain
from keras_dynres.methods.resizable import Resizable
from keras_dynres.methods.sampled import Sampled
from keras_dynres.methods.sdpoint import SDPoint

METHODS = {
    "sdpoint": SDPoint,
    "multi_scale": MultiScale,
    "msdnet": MSDNet,
    "early_exit": EarlyExit,
    "resizable": Resizable,
    "low_mode": LowMode,
    "sampled": Sampled,
    "plain": Plain,
}


def create(name: str, base: keras.Model, **kwargs: Any) -> DynamicModel:
    """Wraps `base` in the method called `name`.

    >>> base = kd.architectures.wide_resnet(depth=10, width=1)
    >>> create("sdpoint", base, ratios=[0.5]).name
    'wrn_10_1'
    """
    return METHODS[one_of("method", name, METHODS)](base, **kwargs)
