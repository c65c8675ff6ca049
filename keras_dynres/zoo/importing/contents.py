"""What a checkpoint holds, in words, as far as the names of its tensors tell."""

import re
from collections.abc import Mapping

import numpy as np

from keras_dynres.zoo.importing import faster_rcnn, msdnet

_BLOCK = re.compile(r"((?:backbone\.)?layer\d+\.\d+)\.")
# A tensor that no other family has, and what the family is called.
_FAMILIES = (
    ("features.denseblock1.denselayer1.conv1.weight", "a DenseNet of torchvision"),
    ("features.1.conv.0.0.weight", "a MobileNetV2 of torchvision"),
    ("stage2.0.branch1.0.weight", "a ShuffleNetV2 of torchvision"),
    ("features.1.0.block.0.0.weight", "an EfficientNet of torchvision"),
    ("classifier.6.weight", "a VGG or an AlexNet of torchvision"),
    ("conv_stem.weight", "an EfficientNet or a MobileNetV3 of timm"),
    ("cls_token", "a vision transformer"),
    ("patch_embed.proj.weight", "a vision transformer"),
)


def contents(tensors: Mapping[str, np.ndarray]) -> str:
    """What a checkpoint holds.

    >>> contents({"fc.weight": np.ones((2, 3))})
    "1 tensor, the first 'fc.weight' of shape (2, 3)"

    Args:
        tensors: What `checkpoint.read` returns.
    """
    if is_msdnet(tensors):
        steps, classes = msdnet.shape_of(tensors)
        return f"an MSDNet of blocks of {_list(steps)} layers and {classes} classes"
    blocks = {match[1] for match in map(_BLOCK.match, tensors) if match}
    if "rpn_head.rpn_cls.weight" in tensors and blocks:
        classes = faster_rcnn.shape_of(tensors)[-1]
        backbone = _resnet(tensors, blocks)
        return f"a detector of mmdetection over {backbone}, of {classes} classes"
    if "conv1.weight" in tensors and "fc.weight" in tensors and blocks:
        classes = len(tensors["fc.weight"])
        return f"{_resnet(tensors, blocks)} of torchvision, of {classes} classes"
    for name, family in _FAMILIES:
        if name in tensors:
            return family
    if not tensors:
        return "no tensor"
    name, first = next(iter(tensors.items()))
    count = f"{len(tensors)} tensor{'s' * (len(tensors) > 1)}"
    return f"{count}, the first {name!r} of shape {first.shape}"


def is_msdnet(tensors: Mapping[str, np.ndarray]) -> bool:
    """Whether the tensors bear the names of an MSDNet's."""
    steps, classes = msdnet.shape_of(tensors)
    return bool(steps) and classes is not None


def _resnet(tensors: Mapping[str, np.ndarray], blocks: set[str]) -> str:
    """A residual network by its depth: the convolutions of its blocks, and two."""
    convolutions = sum(
        f"{block}.conv{number}.weight" in tensors
        for block in blocks
        for number in (1, 2, 3)
    )
    return f"a ResNet-{convolutions + 2}"


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
