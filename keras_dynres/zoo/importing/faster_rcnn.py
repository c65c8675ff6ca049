"""What the published code of sampled detectors calls their weights."""

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.zoo.importing.tensors import Wanted, as_keras, wanted_by

_BLOCK = re.compile(r"stage(\d+)_block(\d+)_(.+)")
_INNER = {
    "shortcut": "downsample.0",
    "shortcut_bn": "downsample.1",
    "offset": "conv2_offset",
}
_NUMBERED = (
    (re.compile(r"pyramid_lateral(\d+)"), "neck.lateral_convs.{}.conv"),
    (re.compile(r"pyramid_conv(\d+)"), "neck.fpn_convs.{}.conv"),
    (re.compile(r"head_dense(\d+)"), "bbox_head.shared_fcs.{}"),
)
_NAMED = {
    "stem_conv": "backbone.conv1",
    "stem_bn": "backbone.bn1",
    "anchors_conv": "rpn_head.rpn_conv",
    "anchors_objectness": "rpn_head.rpn_cls",
    "anchors_deltas": "rpn_head.rpn_reg",
    "head_classes": "bbox_head.fc_cls",
    "head_deltas": "bbox_head.fc_reg",
}
# The dense layer that reads a region's grid, channels first there.
_FLAT = "head_dense1"


def wanted(model: DynamicModel, **kwargs: Any) -> dict[str, Wanted]:
    """All tensors of a checkpoint, and the weights that they are for.

    Args:
        model: `Sampled` or `Plain` over `architectures.faster_rcnn`.
        **kwargs: What the architecture was given; the model knows it all.
    """
    del kwargs
    layers = [layer for layer in model.graph.layers if layer.weights]
    tensors = wanted_by(layers, {layer.name: _prefix(layer.name) for layer in layers})
    grid = model.graph.get_layer("region_align").size
    tensors[f"{_prefix(_FLAT)}.weight"] = _of_grid(model.graph.get_layer(_FLAT), grid)
    for part in getattr(model, "sampled_parts", ()):
        tensors.update(_of_masks(part))
    return tensors


def shape_of(tensors: Mapping[str, np.ndarray]) -> tuple:
    """(blocks, whether it samples, whether it is deformable, classes), by the names."""
    blocks = {
        m[0] for m in map(re.compile(r"backbone\.layer\d+\.\d+").match, tensors) if m
    }
    last = tensors.get("bbox_head.fc_cls.bias")
    return (
        len(blocks),
        any(".conv1_mask." in name for name in tensors),
        any(".conv2_offset." in name for name in tensors),
        None if last is None else last.size - 1,
    )


def shape_of_network(
    method: str, classes: int, backbone: Mapping[str, Any], **kwargs: Any
) -> tuple:
    """The same of a network, by what `architectures.faster_rcnn` is given."""
    del kwargs
    # Three convolutions in each bottleneck, the stem and a classifier.
    blocks = (backbone["depth"] - 2) // 3
    return blocks, method == "sampled", bool(backbone.get("deformable")), classes


def _prefix(name):
    block = _BLOCK.fullmatch(name)
    if block:
        stage, number, inner = block.groups()
        place = f"backbone.layer{stage}.{int(number) - 1}"
        return f"{place}.{_INNER.get(inner, inner)}"
    for pattern, published in _NUMBERED:
        match = pattern.fullmatch(name)
        if match:
            return published.format(int(match[1]) - 1)
    return _NAMED[name]


def _of_grid(layer: keras.layers.Layer, size: int) -> Wanted:
    units = layer.kernel.shape[1]

    def assign(tensor):
        grid = tensor.reshape(units, -1, size, size)
        layer.kernel.assign(grid.transpose(2, 3, 1, 0).reshape(-1, units))

    return Wanted((units, layer.kernel.shape[0]), assign)


def _of_masks(part: Any) -> dict[str, Wanted]:
    """The tensors of a block's mask heads and interpolations."""
    prefix = _prefix(part.block.name.replace("_add", "_conv1")).removesuffix("1")
    columns = [
        (head, column)
        for head in part.heads.values()
        for column in range(head.kernel.shape[-1])
    ]
    tensors = {}
    for number, (head, column) in enumerate(columns, 1):
        channels = head.kernel.shape[2]
        name = f"{prefix}{number}_mask"
        kernel = Wanted((1, channels, 3, 3), _column(head.kernel, column))
        tensors[f"{name}.weight"] = kernel
        tensors[f"{name}.bias"] = Wanted((1,), _column(head.bias, column))
    for number, fill in enumerate(part.fills, 1):
        tensors[f"{prefix}{number}_sigma"] = Wanted((), fill.width.assign)
    return tensors


def _column(weight: keras.Variable, column: int) -> Any:
    """What gives one column of a head that has several masks."""

    def assign(tensor):
        values = np.array(weight)
        values[..., column] = as_keras(tensor)[..., 0]
        weight.assign(values)

    return assign
