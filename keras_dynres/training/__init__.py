"""The training of the zoo's networks."""

from keras_dynres.training.fused_norms import fuse_norms
from keras_dynres.training.processes import Processes
from keras_dynres.training.run import build, train
from keras_dynres.training.run_folder import TrainingInterrupted

__all__ = ["Processes", "TrainingInterrupted", "build", "fuse_norms", "train"]
