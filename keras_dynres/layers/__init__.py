"""Layers of the package, one a file."""

from keras_dynres.layers.adaptive_pooling import AdaptivePooling2D
from keras_dynres.layers.channel_shuffle import ChannelShuffle
from keras_dynres.layers.deformable_conv import DeformableConv2D
from keras_dynres.layers.gaussian_downsample import GaussianDownsample2D
from keras_dynres.layers.pooled_kernel_conv import PooledKernelConv2D
from keras_dynres.layers.statistics_slot import StatisticsSlot

__all__ = [
    "AdaptivePooling2D",
    "ChannelShuffle",
    "DeformableConv2D",
    "GaussianDownsample2D",
    "PooledKernelConv2D",
    "StatisticsSlot",
]
