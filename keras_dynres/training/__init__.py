"""The training of the zoo's networks."""

from keras_dynres.training.fused_norms import fuse_norms
from keras_dynres.training.run import TrainingInterrupted, build, train

__all__ = ["TrainingInterrupted", "build", "fuse_norms", "train"]
