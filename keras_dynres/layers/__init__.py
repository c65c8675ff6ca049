"""Layers of the package, one a file."""

from keras_dynres.layers.adaptive_pooling import AdaptivePooling2D
from keras_dynres.layers.statistics_slot import StatisticsSlot

__all__ = ["AdaptivePooling2D", "StatisticsSlot"]
