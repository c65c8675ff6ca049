"""Parameters to the last one, and FLOPs, as published for each network."""

import keras
import pytest

from keras_dynres import architectures, cost, methods
from keras_dynres.zoo import Network
from keras_dynres.zoo.network import NETWORKS

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


def counted(name):
    network = Network.load(name)
    return cost.count(architectures.create(network.architecture, **network.options))


# Billions of FLOPs and millions of parameters as table 1 and 2 of the SDPoint paper
# print them; of DenseNetBC-250-24 and ResNeXt-101-64x4d as they are counted here.
@pytest.mark.parametrize(
    ("name", "gflops", "millions"),
    [
        ("wrn28_10_dropout_cifar10", 10.5, 36.5),
        ("resnext29_8x64d_cifar10", 10.8, 34.4),
        ("resnext29_16x64d_cifar10", 21.4, 68.2),
        ("densenetbc190_40_cifar10", 18.7, 25.6),
        ("densenetbc250_24_cifar10", 10.97, 15.3),
        ("resnext101_64x4d_imagenet", 31.0, 83.5),
        ("densenetbc264_48_imagenet", 25.9, 72.7),
        ("preresnet18_imagenet", 3.64, 11.7),
        ("preresnet34_imagenet", 7.34, 21.8),
        ("preresnet50_imagenet", 8.22, 25.6),
        ("resnext50_32x4d_imagenet", 8.51, 25.0),
    ],
)
def test_costs_of_the_nets_that_sdpoint_is_compared_with(name, gflops, millions):
    cost_of_net = counted(name)
    assert cost_of_net.flops / 1e9 == pytest.approx(gflops, abs=0.05)
    assert cost_of_net.params / 1e6 == pytest.approx(millions, abs=0.06)


def test_the_nets_of_msdnets_ensemble_cost_more_each():
    """The public counts of the ResNets are 1.8, 3.7 and 4.1 giga-MACs."""
    nets = [f"ensemble_resnet{depth}_imagenet" for depth in (10, 18, 26, 34, 50)]
    giga = [counted(name).macs / 1e9 for name in nets]
    assert [round(macs, 2) for macs in giga] == [0.89, 1.81, 2.74, 3.66, 4.09]
    # A block of 64 channels more costs as much as one of 128: all four the same.
    block = 2 * 9 * 64 * 64 * 56 * 56 / 1e9
    assert giga[2] - giga[1] == pytest.approx(4 * block)
    assert giga[1] - giga[0] == pytest.approx(4 * block)


@pytest.mark.parametrize(("depth", "mmacs"), [(40, 68.34), (64, 138.5), (88, 228.64)])
def test_densenet_star_doubles_its_growth_after_each_transition(depth, mmacs):
    network = Network.load(f"densenet_star{depth}_cifar10")
    model = architectures.create(network.architecture, **network.options)
    added = [
        model.get_layer(f"stage{stage}_block2_conv2").filters for stage in (1, 2, 3)
    ]
    assert added == [8, 16, 32]
    assert cost.count(model).macs / 1e6 == pytest.approx(mmacs, abs=0.01)


# Hundreds of millions of FLOPs, "about 3" in the MSDNet paper, without and with exits.
@pytest.mark.parametrize(
    ("name", "alone", "whole"),
    [("resnet_mc_cifar10", 2.82, 3.65), ("densenet_mc_cifar10", 2.16, 4.02)],
)
def test_nets_with_several_classifiers_cost_what_their_files_say(name, alone, whole):
    network = Network.load(name)
    base = architectures.create(network.architecture, **network.options)
    model = methods.create(network.method, base, **network.method_options)
    assert cost.count(base).flops / 1e8 == pytest.approx(alone, abs=0.01)
    assert model.exit_costs("flops")[-1] / 1e8 == pytest.approx(whole, abs=0.01)
    assert len(model.exits) == 7


# Millions of MACs in tables 1 and 7 of the Resizable paper, which does not say at which
# scales a network has them.
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NETWORKS
        if name.startswith(("resizable_individual_", "resizable_nas_"))
        and "imagenet_" in name
    ],
)
def test_instances_trained_alone_cost_what_the_paper_prints(name):
    network = Network.load(name)
    base = architectures.create(network.architecture, **network.options)
    model = methods.create(network.method, base, **network.method_options)
    target = model.menu[network.method_options["target"]]
    assert target.macs / 1e9 == pytest.approx(network.paper["gmacs"], rel=7e-3)
