"""Parameters to the last one, and FLOPs, as published for each network."""

import keras
import pytest

from keras_dynres import architectures, cost

# Counting asks no backend, and TensorFlow is the one that builds these quickly.
pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("no_weights")]

IMAGENET = {"input_shape": (224, 224, 3), "classes": 1000}
WIDE = {"width": 64, "input_shape": (32, 32, 3), "classes": 10}
DENSE_HEAD = {**IMAGENET, "head": "dense"}


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("resnet", {"depth": 18}, 11_689_512),
        ("resnet", {"depth": 34}, 21_797_672),
        ("resnet", {"depth": 152}, 60_192_808),
        ("resnext", {"depth": 50}, 25_028_904),
        ("densenet_bc", {"depth": 121, **IMAGENET}, 7_978_856),
        ("densenet_bc", {"depth": 161, **IMAGENET}, 28_681_000),
        ("vgg", {"depth": 11, **DENSE_HEAD}, 132_868_840),
        ("vgg", {"depth": 16, **DENSE_HEAD}, 138_365_992),
        ("mobilenet_v1", {}, 4_231_976),
        ("mobilenet_v2", {}, 3_504_872),
        ("shufflenet_v2", {"width": 0.5, "shortcut": "half"}, 1_366_792),
        ("shufflenet_v2", {"width": 1.0, "shortcut": "half"}, 2_278_604),
        ("shufflenet_v2", {"width": 1.5, "shortcut": "half"}, 3_503_624),
        ("shufflenet_v2", {"width": 2.0, "shortcut": "half"}, 7_393_996),
    ],
)
def test_parameters_of_the_public_weights(name, options, parameters):
    assert cost.count(architectures.create(name, **options)).params == parameters


@pytest.mark.parametrize(
    ("depth", "millions"),
    [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)],
)
def test_parameters_of_the_resnets_for_cifar(depth, millions):
    counted = cost.count(architectures.resnet(depth, (32, 32, 3), classes=10))
    projections = 16 * 32 + 32 * 64 + 2 * (32 + 64)  # The paper's shortcuts have none.
    digits = len(str(millions)) - 2
    assert round((counted.params - projections) / 1e6, digits) == millions


def test_depth_alone_does_not_decide_the_family():
    """26 layers are ResNet-18 with a block more in each stage, or 6 * 4 + 2."""
    parameters = {
        (depth, family): cost.count(
            architectures.resnet(depth, family=family, classes=1000)
        ).params
        for depth, family in [(10, "auto"), (18, "auto"), (26, "auto"), (26, "cifar")]
    }
    # Two 3x3 convolutions and their batch norms, in each of four stages.
    block = sum(2 * (9 * n * n + 2 * n) for n in (64, 128, 256, 512))
    assert parameters[26, "auto"] == parameters[18, "auto"] + block
    assert parameters[10, "auto"] == parameters[18, "auto"] - block
    assert parameters[18, "auto"] == 11_689_512  # The public weights'.
    assert parameters[26, "cifar"] < 500_000


@pytest.mark.parametrize(
    ("name", "options", "parameters", "gflops"),
    [
        ("resnet", {"depth": 50}, 25_557_032, 8.218),
        ("preresnet", {"depth": 101}, 44_549_288, 15.661),
        ("resnext", {"depth": 101}, 44_177_704, 16.013),
    ],
)
def test_imagenet_costs(name, options, parameters, gflops):
    counted = cost.count(architectures.create(name, **options))
    assert counted.params == parameters
    assert counted.flops / 1e9 == pytest.approx(gflops, rel=1e-3)


# Millions of MACs and of parameters as the papers print them: MobileNet, MobileNetV2
# (the tables of its public weights), ShuffleNetV2 and Resizable Networks.
@pytest.mark.parametrize(
    ("name", "options", "mmacs", "millions"),
    [
        ("mobilenet_v1", {"width": 1.0}, 569, 4.2),
        ("mobilenet_v1", {"width": 0.75}, 325, 2.6),
        ("mobilenet_v1", {"width": 0.5}, 149, 1.3),
        ("mobilenet_v1", {"width": 0.25}, 41, 0.5),
        ("mobilenet_v2", {"width": 1.4}, 582, 6.06),
        ("mobilenet_v2", {"width": 1.0}, 300, 3.5),
        ("mobilenet_v2", {"width": 0.75}, 209, 2.61),
        ("mobilenet_v2", {"width": 0.5}, 97, 1.95),
        ("mobilenet_v2", {"width": 0.35}, 59, 1.66),
        ("shufflenet_v2", {"width": 2.0}, 591, 7.4),
        ("shufflenet_v2", {"width": 1.5}, 299, 3.5),
        ("shufflenet_v2", {"width": 1.0}, 146, 2.3),
        ("shufflenet_v2", {"width": 0.5}, 41, 1.4),
        ("efficient_resizable", {}, 365, 6.7),
        ("resnet", {"depth": 50}, 4100, 25.6),
    ],
)
def test_costs_of_networks_for_phones(name, options, mmacs, millions):
    counted = cost.count(architectures.create(name, **options))
    # ShuffleNetV2 0.5 prints 41 for 40.48: within half a percent or the last digit.
    assert counted.macs / 1e6 == pytest.approx(mmacs, rel=5e-3, abs=0.6)
    assert counted.params / 1e6 == pytest.approx(millions, rel=0.012, abs=0.05)


@pytest.mark.parametrize(
    ("name", "published", "width"),
    [
        ("mobilenet_v1", "MobileNet", 0.25),
        ("mobilenet_v1", "MobileNet", 0.75),
        ("mobilenet_v2", "MobileNetV2", 0.35),
        ("mobilenet_v2", "MobileNetV2", 1.3),
    ],
)
def test_widths_are_those_of_the_public_weights(name, published, width):
    shape = (64, 64, 3)
    model = architectures.create(name, width=width, input_shape=shape, stem="imagenet")
    build = getattr(keras.applications, published)
    known = build(shape, alpha=width, weights=None, classifier_activation=None)
    counts = [cost.count(network) for network in (model, known)]
    assert counts[0].params == counts[1].params
    assert counts[0].macs == counts[1].macs


# Where the paper only prints millions, cut or rounded: within the last digit.
@pytest.mark.parametrize(
    ("name", "options", "parameters", "within", "gflops"),
    [
        ("wide_resnet", {"depth": 28, "width": 10}, 36_479_194, 0, 10.5),
        ("wide_resnet", {"depth": 40, "width": 4}, 8_949_210, 0, 2.6),
        ("densenet_bc", {"depth": 40, "growth": 60}, 4.3e6, 1e5, 3.6),
        ("resnext", {"depth": 29, "cardinality": 8, **WIDE}, 34.4e6, 1e5, 10.8),
        ("resnext", {"depth": 29, "cardinality": 16, **WIDE}, 68.1e6, 1e5, 21.4),
    ],
)
def test_cifar_costs_as_the_table_prints_them(
    name, options, parameters, within, gflops
):
    counted = cost.count(architectures.create(name, **options))
    assert abs(counted.params - parameters) <= within
    assert abs(counted.flops / 1e9 - gflops) < 0.05
