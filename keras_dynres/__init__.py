"""One trained network, a menu of inference budgets."""

from keras_dynres import (
    adapt,
    architectures,
    callbacks,
    compress,
    core,
    cost,
    data,
    detection,
    errors,
    evaluation,
    exits,
    graph,
    layers,
    methods,
    tflite,
    training,
    zoo,
)
from keras_dynres.adapt import ResizableAdapt
from keras_dynres.core.calibration import recalibrate
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError, NotCalibratedError
from keras_dynres.instance import Instance, Menu
from keras_dynres.methods import (
    EarlyExit,
    LowMode,
    MSDNet,
    MultiScale,
    Plain,
    Resizable,
    Sampled,
    SDPoint,
)
from keras_dynres.methods.resizable_aug import ResizableAug

__version__ = "0.1.0"

__all__ = [
    "DynamicModel",
    "DynresError",
    "EarlyExit",
    "Instance",
    "LowMode",
    "MSDNet",
    "Menu",
    "MultiScale",
    "NotCalibratedError",
    "Plain",
    "Resizable",
    "ResizableAdapt",
    "ResizableAug",
    "SDPoint",
    "Sampled",
    "adapt",
    "architectures",
    "callbacks",
    "compress",
    "core",
    "cost",
    "data",
    "detection",
    "errors",
    "evaluation",
    "exits",
    "graph",
    "layers",
    "methods",
    "recalibrate",
    "tflite",
    "training",
    "zoo",
]
