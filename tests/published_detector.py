"""The small published detector, rebuilt here with its own weights."""

from pathlib import Path

import keras
import numpy as np

import keras_dynres as kd
from keras_dynres.architectures import _blocks as b
from keras_dynres.architectures.resnet import bottleneck
from keras_dynres.zoo.importing import faster_rcnn

PATH = Path(__file__).parent / "fixtures" / "faster_rcnn_small.npz"
SIZE, BLOCKS, PLANES = (256, 320), (1, 1, 2, 1), (4, 8, 16, 32)


def values():
    with np.load(PATH) as content:
        return dict(content)


def backbone(blocks=BLOCKS):
    """Its ResNet of width 4, deformable in stages 2 to 4."""
    images = b.image_input((*SIZE, 3))
    x = b.stem(images, "imagenet", PLANES[0])
    for key, filters, stride in b.stages(blocks, PLANES):
        x = bottleneck(x, filters, stride, key, deformable="stage1" not in key)
    return keras.Model(images, x, name="small")


def detector():
    """Without weights."""
    net = kd.architectures.faster_rcnn(
        backbone(),
        classes=3,
        pyramid=8,
        head=16,
        per_level=200,
        regions=40,
        published=True,
    )
    return kd.Sampled(net, [0.5], window=7, grid=11, sparse_loss=0.1, freeze_norms=True)


def weights(content):
    return {
        key.removeprefix("weights/"): value
        for key, value in content.items()
        if key.startswith("weights/")
    }


def loaded(content):
    model = detector()
    tensors = weights(content)
    wanted = faster_rcnn.wanted(model)
    assert set(wanted) == set(tensors)
    for name, (shape, assign) in wanted.items():
        assert tensors[name].shape == shape, name
        assign(tensors[name])
    return model
