"""Recipes, and the training of them."""

from keras_dynres.training.fused_norms import fuse_norms
from keras_dynres.training.recipe import Recipe, names
from keras_dynres.training.run import TrainingInterrupted, build, train

__all__ = ["Recipe", "TrainingInterrupted", "build", "fuse_norms", "names", "train"]
