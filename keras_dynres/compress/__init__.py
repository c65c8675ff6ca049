"""Fewer bytes for the whole menu: fewer bits, zeros, shared values."""

from keras_dynres.compress.held import held, quantize, quantize_aware
from keras_dynres.compress.tfmot import cluster, prune, quantized_file

__all__ = ["cluster", "held", "prune", "quantize", "quantize_aware", "quantized_file"]
