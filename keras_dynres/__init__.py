"""One trained network, a menu of inference budgets."""

from keras_dynres import (
    architectures,
    cost,
    data,
    errors,
    evaluation,
    graph,
    layers,
    methods,
    tflite,
    training,
    zoo,
)
from keras_dynres.dynamic import DynamicModel
from keras_dynres.errors import DynresError, NotCalibratedError
from keras_dynres.instance import Instance, Menu
from keras_dynres.methods import MultiScale, SDPoint

__version__ = "0.1.0"

__all__ = [
    "DynamicModel",
    "DynresError",
    "Instance",
    "Menu",
    "MultiScale",
    "NotCalibratedError",
    "SDPoint",
    "architectures",
    "cost",
    "data",
    "errors",
    "evaluation",
    "graph",
    "layers",
    "methods",
    "tflite",
    "training",
    "zoo",
]
