"""MSDNet: published costs and parameters, lazy graphs, refusals."""

import math

import keras
import msdnet_names
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.architectures.msdnet import every_column, msdnet

# Counting asks no backend, and TensorFlow is the one that builds these quickly.
pytestmark = pytest.mark.tensorflow
no_weights = pytest.mark.usefixtures("no_weights")

# M, exits cumulated, whole columns: MACs plus what ReLU and pooling touch.
PUBLISHED = {
    "cifar_anytime": (
        *((32, 32, 3), 10, 5_470_050),
        (15.13, 25.48, 37.75, 52.02, 62.12, 74.00)
        + (87.65, 99.95, 110.02, 121.56, 134.58),
    ),
    "imagenet_step4": (
        *((224, 224, 3), 1000, 23_958_440),
        (339.90, 685.46, 1008.16, 1254.47, 1360.53),
    ),
}


@no_weights
@pytest.mark.parametrize("name", PUBLISHED)
def test_costs_and_parameters_are_the_published_ones(name):
    shape, classes, params, costs = PUBLISHED[name]
    counted = kd.cost.count(every_column(name, shape, classes))
    by_block = np.zeros(len(costs))
    for layer in counted.layers:
        block = layer.name.split("_")[0].removeprefix("block").removeprefix("exit")
        if block.isdigit():
            by_block[int(block) - 1] += layer.macs + layer.elements
    np.testing.assert_allclose(by_block.cumsum() / 1e6, costs, atol=0.011)
    assert counted.params == params
    assert kd.cost.count(msdnet(name, shape, classes)).params == params


@no_weights
@pytest.mark.parametrize("exits", range(4, 9))
def test_exits_of_budget_nets_stand_after_one_two_three_more_layers(exits):
    layers = exits * (exits + 1) // 2
    net = msdnet(f"cifar_budget{layers}")
    assert len(net.outputs) == exits
    after = [max(_layers(keras.Model(net.input, out))) for out in net.outputs]
    assert after == [k * (k + 1) // 2 for k in range(1, exits + 1)]


@no_weights
def test_the_papers_net_for_imagenet_has_23_layers():
    net = msdnet("imagenet", (224, 224, 3), 1000)
    after = [max(_layers(keras.Model(net.input, out))) for out in net.outputs]
    assert after == [4 * i + 3 for i in range(1, 6)]
    names = [f"block1_layer1_scale{scale}" for scale in range(1, 5)]
    made = [
        sum(
            layer.filters
            for layer in net.layers
            if layer.name in (f"{name}_same_conv", f"{name}_down_conv")
        )
        for name in names
    ]
    assert made == [16, 32, 64, 64]


def _layers(model):
    names = [layer.name.split("_")[1] for layer in model.layers if "_" in layer.name]
    return [int(n.removeprefix("layer")) for n in names if n.startswith("layer")]


@no_weights
def test_the_graph_of_an_exit_leaves_out_finer_scales_it_does_not_see():
    net = msdnet("cifar_budget10")
    first = keras.Model(net.input, net.outputs[0])
    held = {layer.name for layer in first.layers}
    assert "block1_layer1_scale3_same_conv" in held
    assert not any(n.startswith(("block1_layer1_scale1", "block2")) for n in held)
    lazy, eager = (
        kd.cost.count(m).macs
        for m in (net, every_column("cifar_budget10", (32, 32, 3), 10))
    )
    assert lazy <= eager


@no_weights
def test_scales_that_no_exit_sees_are_not_built():
    """Without dropping, the last layer's finer scales lead nowhere."""
    options = {"steps": (1, 1), "prune": "none", "classes": 3}
    names = {layer.name for layer in msdnet("cifar_budget10", **options).layers}
    every = {layer.name for layer in every_column("cifar_budget10", **options).layers}
    assert names < every
    assert {n.split("_conv")[0] for n in every - names} >= {
        "block2_layer2_scale1_same",
        "block2_layer2_scale2_down",
    }


@no_weights
@pytest.mark.parametrize("prune", ["max", "min"])
def test_parameters_are_those_of_the_published_constructor(prune):
    arguments = {"steps": (4, 2, 2, 2), "prune": prune}
    shapes = msdnet_names.tensors(**arguments)
    params = sum(math.prod(s) for n, s in shapes.items() if ".running_" not in n)
    made = every_column("cifar_anytime", (32, 32, 3), 10, **arguments)
    counted = kd.cost.count(made)
    assert counted.params == params
    exits = kd.MSDNet("cifar_anytime", **arguments).exit_costs()
    assert exits == sorted(exits)
    assert exits[-1] <= counted.macs


@no_weights
def test_the_zoo_has_one_of_less_than_a_million_parameters_exits_included():
    network = kd.zoo.Network.load("msdnet_small_cifar10")
    made = kd.cost.count(msdnet(**network.options))
    assert 0.8e6 < made.params < 1e6
    usual = kd.cost.count(msdnet("cifar_budget15"))
    assert usual.params > 2 * made.params


@no_weights
def test_scales_end_late_with_the_least_pruning():
    """Each scale of a layer is one that the last exit is reached from."""
    least = msdnet("cifar_anytime", steps=(2, 4), prune="min", reduction=0.0)
    names = {layer.name for layer in least.layers}
    ends = [
        max(int(n.split("_")[1][5:]) for n in names if f"_scale{scale}_same_conv" in n)
        for scale in (1, 2, 3)
    ]
    assert ends == [4, 5, 6]
    every = every_column("cifar_anytime", steps=(2, 4), prune="min", reduction=0.0)
    unseen = {layer.name for layer in every.layers} - names
    assert not unseen


def test_images_of_other_sizes_pass():
    net = msdnet("cifar_budget10", (48, 48, 3), 3, steps=(1, 1), channels=4, growth=2)
    outputs = net(np.zeros((1, 48, 48, 3), "float32"))
    assert [tuple(out.shape) for out in outputs] == [(1, 3), (1, 3)]


@no_weights
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"configuration": "cifar_budget11"}, "Did you mean 'cifar_budget"),
        ({"growht": 3}, "Did you mean 'growth'"),
        ({"steps": ()}, "at least one block"),
        ({"steps": (0, 2)}, "steps must be a whole number"),
        ({"bottlenecks": (1, 2)}, "one factor for each scale"),
        ({"reduction": 1.5}, r"\[0, 1\]"),
        ({"growth": 3, "factors": (1, 1), "bottlenecks": ()}, "must be even"),
        ({"head": 0}, "head must be"),
        ({"prune": "mini"}, "Did you mean 'min'"),
        ({"prune": "min", "steps": (1,)}, "3 scales need 2 layers at least"),
        ({"classes": 0}, "classes must be"),
        ({"input_shape": (2, 2, 3)}, "at least 4 x 4"),
    ],
)
def test_bad_arguments_are_named(options, says):
    with pytest.raises(kd.DynresError, match=says):
        msdnet(**{"configuration": "cifar_budget10", **options})
