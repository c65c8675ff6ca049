"""Callbacks that steer the training of a method."""

from keras_dynres.methods.gumbel import GumbelAnnealing
from keras_dynres.methods.resizable_aug import ResizableAug

__all__ = ["GumbelAnnealing", "ResizableAug"]
