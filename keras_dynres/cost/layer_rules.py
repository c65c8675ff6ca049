"""Cost rules of Keras' layers and of this package's."""

from math import prod
from typing import Any

import keras
from keras import layers

from keras_dynres.cost.activations import activation_work, elementwise
from keras_dynres.cost.formulas import (
    adaptive_pooled,
    contracted,
    free,
    per_element,
    pooled,
    reshaped,
    resized,
)
from keras_dynres.cost.record import Shape, Work
from keras_dynres.cost.registry import register
from keras_dynres.layers import (
    AdaptivePooling2D,
    ChannelShuffle,
    DeformableConv2D,
    GaussianDownsample2D,
    Interpolation,
    MaskHead,
    PointDeformableConv,
    PointInterpolation,
    PointPatches,
    ResizeLike,
    SampledPoints,
    SamplingMask,
    TrainingOutput,
)


def _classes(*names: str) -> list[type]:
    # Some names are younger than the oldest Keras this package runs on.
    return [getattr(layers, name) for name in names if hasattr(layers, name)]


def _dimensions(name: str, most: int = 3) -> list[type]:
    return _classes(*(f"{name}{n}D" for n in range(1, most + 1)))


def _channels(layer: Any, shape: Shape) -> int:
    return shape[-1] if layer.data_format == "channels_last" else shape[0]


def _with_bias_and_activation(layer: Any, macs: int, shape: Shape) -> Work:
    bias = prod(shape) if layer.use_bias else 0
    return Work(macs, 2 * macs + bias).plus(activation_work(layer.activation, shape))


@register(*_dimensions("Conv"))
def _conv(layer, inputs, outputs):
    taps = prod(layer.kernel_size) * _channels(layer, inputs[0]) // layer.groups
    return _with_bias_and_activation(layer, prod(outputs[0]) * taps, outputs[0])


@register(DeformableConv2D)
def _deformable_conv(layer, inputs, outputs):
    # Published figures count the convolution alone. What a tap reads of a channel is
    # four products and the three additions between them; corners, shares and masks,
    # which are made once a tap for all channels, are left out.
    read = prod(outputs[0][:2]) * prod(layer.kernel_size) * inputs[0][-1]
    macs = read * layer.filters // layer.groups
    bias = prod(outputs[0]) if layer.use_bias else 0
    return Work(macs, 2 * macs + bias + 7 * read)


@register(PointDeformableConv)
def _point_deformable_conv(layer, inputs, outputs):
    return _deformable_conv(layer.conv, inputs, outputs)


@register(*(getattr(layers, f"Conv{n}DTranspose") for n in (1, 2, 3)))
def _transposed_conv(layer, inputs, outputs):
    # Every input element is spread over the whole kernel, before any cropping.
    macs = prod(inputs[0]) * prod(layer.kernel_size) * layer.filters
    return _with_bias_and_activation(layer, macs, outputs[0])


@register(*_dimensions("DepthwiseConv", 2))
def _depthwise_conv(layer, inputs, outputs):
    macs = prod(outputs[0]) * prod(layer.kernel_size)
    return _with_bias_and_activation(layer, macs, outputs[0])


@register(*_dimensions("SeparableConv", 2))
def _separable_conv(layer, inputs, outputs):
    pixels = prod(outputs[0]) // layer.filters
    between = _channels(layer, inputs[0]) * layer.depth_multiplier
    macs = pixels * between * (prod(layer.kernel_size) + layer.filters)
    return _with_bias_and_activation(layer, macs, outputs[0])


@register(layers.Dense)
def _dense(layer, inputs, outputs):
    macs = prod(outputs[0]) * inputs[0][-1]
    return _with_bias_and_activation(layer, macs, outputs[0])


@register(layers.EinsumDense)
def _einsum_dense(layer, inputs, outputs):
    shapes = [inputs[0], layer.kernel.shape]
    macs = prod(outputs[0]) * contracted(layer, layer.equation, shapes)
    bias = 0 if layer.bias_axes is None else prod(outputs[0])
    return Work(macs, 2 * macs + bias).plus(
        activation_work(layer.activation, outputs[0])
    )


@register(layers.BatchNormalization)
def _batch_norm(layer, inputs, outputs):
    # At inference it is a scale and an offset, whatever it was made of.
    return 0, 2 * prod(outputs[0])


@register(layers.LayerNormalization, layers.GroupNormalization)
def _layer_norm(layer, inputs, outputs):
    # Sum, difference, square, sum of squares, quotient, then scale and offset. What
    # is done once a group or row is left out.
    return 0, (5 + bool(layer.scale) + bool(layer.center)) * prod(outputs[0])


@register(layers.Rescaling)
def _rescaling(layer, inputs, outputs):
    has_offset = any(keras.tree.flatten(layer.offset))
    return 0, (1 + has_offset) * prod(outputs[0])


@register(layers.Activation)
def _activation(layer, inputs, outputs):
    return activation_work(layer.activation, outputs[0])


@register(layers.ReLU)
def _relu(layer, inputs, outputs):
    return elementwise(2 if layer.negative_slope else 1)(layer, inputs, outputs)


@register(layers.Add, layers.Subtract, layers.Multiply, layers.Maximum, layers.Minimum)
def _merge(layer, inputs, outputs):
    return 0, (len(inputs) - 1) * prod(outputs[0])


@register(layers.Average)
def _average(layer, inputs, outputs):
    return 0, len(inputs) * prod(outputs[0])


@register(*_dimensions("MaxPooling"), *_dimensions("AveragePooling"))
def _pooling(layer, inputs, outputs):
    # Windows over the border count as whole ones, as published figures have it.
    return pooled(prod(outputs[0]) * prod(layer.pool_size))


@register(*_dimensions("GlobalMaxPooling"), *_dimensions("GlobalAveragePooling"))
def _global_pooling(layer, inputs, outputs):
    return pooled(prod(inputs[0]))


@register(
    *_dimensions("AdaptiveMaxPooling"),
    *_dimensions("AdaptiveAveragePooling"),
)
def _adaptive_pooling(layer, inputs, outputs):
    return adaptive_pooled(inputs[0], layer.output_size, layer.data_format)


@register(AdaptivePooling2D)
def _ratio_pooling(layer, inputs, outputs):
    # The windows as defined, whatever way they are computed. SDPoint's published
    # figures leave them out and count the addition before them at the pooled size,
    # which makes at most 0.04 % of a ResNet-101.
    return adaptive_pooled(inputs[0], layer.cells(*inputs[0][:2]), "channels_last")


@register(GaussianDownsample2D)
def _blur(layer, inputs, outputs):
    # A product for each pixel read, the additions between them, and the border's scale.
    return 0, 2 * (3 * layer.ratio) ** 2 * prod(outputs[0])


@register(MaskHead)
def _mask_head(layer, inputs, outputs):
    # As the 3x3 convolution that it is.
    macs = 9 * inputs[0][-1] * prod(outputs[0])
    return macs, 2 * macs + prod(outputs[0])


@register(SamplingMask, SampledPoints)
def _points(layer, inputs, outputs):
    # The noise that is added; choosing is not arithmetic.
    return 0, prod(outputs[-1][:2])


@register(PointInterpolation)
def _point_interpolation(layer, inputs, outputs):
    return _interpolated(layer.interpolation, outputs[0])


@register(Interpolation)
def _interpolation(layer, inputs, outputs):
    return _interpolated(layer, outputs[0])


def _interpolated(layer, shape):
    # Windows as they are computed: a column and a row where they are separable. Then
    # the share of the average, and the sum with what was sampled.
    if not layer.averages:
        return 0, 0
    taps = 2 * layer.window if layer.separable else layer.window**2
    macs = taps * prod(shape)
    return macs, 2 * macs + 2 * prod(shape)


@register(*_dimensions("UpSampling"), layers.Resizing, ResizeLike)
def _resizing(layer, inputs, outputs):
    return resized(layer, inputs[0], outputs[0])


@register("keras_dynres.detection.region_align.RegionAlign")
def _region_align(layer, inputs, outputs):
    # A point is read from four cells, and the points of a cell are averaged.
    read = prod(outputs[0]) * layer.samples**2
    return 0, 7 * read + read


register(layers.Flatten, layers.Reshape, layers.Permute, ChannelShuffle)(reshaped)
register(layers.ELU)(elementwise(4))
register(layers.Softmax)(elementwise(5))
register(layers.LeakyReLU, layers.PReLU)(elementwise(2))
register(layers.Normalization)(per_element(2))
register(*_classes("RMSNormalization"))(per_element(4))
register(layers.UnitNormalization)(per_element(3))
register("keras.src.applications.convnext.LayerScale")(per_element(1))
register("keras.src.applications.inception_resnet_v2.CustomScaleLayer")(per_element(2))
register(
    # Choosing is not arithmetic.
    "keras_dynres.detection.anchor_rows.AnchorRows",
    "keras_dynres.detection.proposals.Proposals",
    "keras_dynres.detection.detections.Detections",
    "keras_dynres.detection.detections.DetectionColumns",
    layers.Identity,
    layers.Concatenate,
    layers.RepeatVector,
    layers.Embedding,
    *_dimensions("ZeroPadding"),
    *_dimensions("Cropping"),
    layers.CenterCrop,
    PointPatches,
    TrainingOutput,
    # Regularisation and augmentation: nothing at inference.
    layers.ActivityRegularization,
    layers.Dropout,
    *_dimensions("SpatialDropout"),
    *_classes("AlphaDropout", "GaussianDropout", "GaussianNoise"),
    *_classes(*(name for name in dir(layers) if name.startswith("Random"))),
)(free)
