"""Layers of the package, one a file."""

from keras_dynres.layers.adaptive_pooling import AdaptivePooling2D
from keras_dynres.layers.channel_shuffle import ChannelShuffle
from keras_dynres.layers.deformable_conv import DeformableConv2D
from keras_dynres.layers.frozen_norm import FrozenNorm
from keras_dynres.layers.gaussian_downsample import GaussianDownsample2D
from keras_dynres.layers.interpolation import Interpolation
from keras_dynres.layers.mask_head import MaskHead
from keras_dynres.layers.patch_conv import PatchConv2D
from keras_dynres.layers.point_deformable_conv import PointDeformableConv
from keras_dynres.layers.point_interpolation import PointInterpolation
from keras_dynres.layers.point_patches import PointPatches
from keras_dynres.layers.pooled_kernel_conv import PooledKernelConv2D
from keras_dynres.layers.resize_like import ResizeLike
from keras_dynres.layers.sampled_points import SampledPoints
from keras_dynres.layers.sampling_mask import SamplingMask
from keras_dynres.layers.statistics_slot import StatisticsSlot
from keras_dynres.layers.training_output import TrainingOutput

__all__ = [
    "AdaptivePooling2D",
    "ChannelShuffle",
    "DeformableConv2D",
    "FrozenNorm",
    "GaussianDownsample2D",
    "Interpolation",
    "MaskHead",
    "PatchConv2D",
    "PointDeformableConv",
    "PointInterpolation",
    "PointPatches",
    "PooledKernelConv2D",
    "ResizeLike",
    "SampledPoints",
    "SamplingMask",
    "StatisticsSlot",
    "TrainingOutput",
]
