"""Costs of whole networks against published counts."""

import keras
import pytest
from keras import layers
from shapes_only import shapes_only

from keras_dynres import architectures, cost, graph, zoo
from keras_dynres.layers import AdaptivePooling2D

# Counting asks no backend, and TensorFlow is the one that builds these quickly.
pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def _no_weights():
    with shapes_only():
        yield


# name: (arguments, image side, million MACs, parameters), as papers or the published
# tables of model collections give them, rounded as they are there.
APPLICATIONS = {
    "ConvNeXtTiny": ({}, 224, 4456, 28_589_128),
    "DenseNet121": ({}, 224, 2834, 7_978_856),
    "EfficientNetB0": ({}, 224, 390, 5_288_548),
    "EfficientNetV2B0": ({}, 224, 720, 7_100_000),
    "InceptionResNetV2": ({}, 299, 13_180, 55_840_000),
    "InceptionV3": ({}, 299, 5713, 23_830_000),
    "MobileNet": ({}, 224, 569, 4_231_976),
    "MobileNetV2": ({}, 224, 300, 3_504_872),
    "MobileNetV3Large": ({}, 224, 219, 5_483_032),
    "MobileNetV3Small": ({}, 224, 56, 2_542_856),
    "NASNetMobile": ({}, 224, 564, 5_300_000),
    "ResNet50": ({}, 224, 3858, 25_557_032),
    "ResNet50V2": ({}, 224, 3500, 25_570_000),
    "VGG16": ({"include_top": False}, 224, 15_347, 14_714_688),
    "Xception": ({}, 299, 8400, 22_855_952),
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications_cost_what_is_published(name):
    arguments, side, megamacs, params = APPLICATIONS[name]
    model = getattr(keras.applications, name)(weights=None, **arguments)
    counted = cost.count(model, input_shape=(side, side, 3))
    assert counted.macs / 1e6 == pytest.approx(megamacs, rel=0.012)
    assert counted.params == pytest.approx(params, rel=0.006)
    assert 2 * counted.macs < counted.flops < 2.2 * counted.macs


@pytest.mark.parametrize(
    ("name", "gigamacs"),
    [
        ("faster_rcnn_resnet101_coco", 289.47),
        ("faster_rcnn_resnet101_coco_800", 184.06),
        ("faster_rcnn_resnet101_coco_600", 100.20),
        ("faster_rcnn_resnet101_coco_500", 70.03),
        ("faster_rcnn_resnet50_coco", 149.17),
        ("fcn50_cityscapes", 920.58),
    ],
)
def test_the_sampling_papers_dense_networks(name, gigamacs):
    network = zoo.Network.load(name)
    net = architectures.create(network.architecture, **network.options)
    backbone = ("stem", "stage")
    rows = [row for row in cost.count(net).layers if row.name.startswith(backbone)]
    assert sum(row.macs for row in rows) / 1e9 == pytest.approx(gigamacs, abs=6e-3)
    assert round(gigamacs, 1) == network.paper["backbone_gmacs"]


def test_sdpoint_papers_network_and_instances():
    model = architectures.preresnet(101, input_shape=(224, 224, 3), classes=1000)
    full = cost.count(model)
    assert full.params == 44_549_288
    assert full.flops / 1e9 == pytest.approx(15.661, abs=5e-4)
    blocks = [c.name for c in graph.calls(model) if isinstance(c.layer, layers.Add)]
    for block, ratio, gigaflops in [
        (0, 0.5, 4.556),
        (0, 0.75, 9.933),
        (7, 0.5, 7.329),
        (20, 0.75, 12.937),
    ]:
        pooled = graph.after(AdaptivePooling2D(ratio))
        counted = cost.count(graph.rewire(model, {blocks[block]: pooled}))
        assert counted.flops / 1e9 == pytest.approx(gigaflops, rel=5e-4)


@pytest.mark.parametrize(
    ("depth", "published"),
    [
        (
            101,
            {
                (992, 1664): 289.47,
                (800, 1312): 184.06,
                (576, 992): 100.20,
                (480, 832): 70.03,
                (224, 224): 8.80,
            },
        ),
        (50, {(992, 1664): 149.17, (224, 224): 4.53}),
    ],
)
def test_deformable_backbones_of_the_sampling_paper(depth, published):
    model = architectures.resnet(depth, deformable=(2, 3, 4))
    for size, gigamacs in published.items():
        counted = cost.count(model, input_shape=(*size, 3))
        backbone = [layer.macs for layer in counted.layers if layer.name != "logits"]
        assert sum(backbone) / 1e9 == pytest.approx(gigamacs, abs=0.01)
