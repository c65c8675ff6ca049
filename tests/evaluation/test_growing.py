"""Baselines of several nets: drawn at random, and as an ensemble that grows."""

import keras
import numpy as np
import pytest

import keras_dynres as kd


def net(channels, probabilities=False):
    x = images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(channels, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    kind = "softmax" if probabilities else None
    return keras.Model(images, keras.layers.Dense(3, activation=kind)(x))


def data(seed, count=48):
    draw = np.random.default_rng(seed)
    images = draw.normal(size=(count, 8, 8, 3)).astype("float32")
    return images, draw.integers(0, 3, count)


@pytest.fixture
def nets():
    keras.utils.set_random_seed(3)
    return [net(2), net(4, probabilities=True)]


def test_the_ends_are_the_nets_and_their_mean(nets, tmp_path):
    (x, y), costs = data(1), [kd.cost.count(net).macs for net in nets]
    menus = kd.evaluation.growing_nets(nets, data(0), (x, y), points=3, verbose=0)
    logits, sure = (net.predict(x, verbose=0) for net in nets)
    powers = np.exp(logits)
    first = powers / powers.sum(-1, keepdims=True)
    right = [np.mean(said.argmax(-1) == y) for said in (first, sure, first + sure)]
    mixed, grown = list(menus["random interpolation"]), list(menus["ensemble"])
    assert [instance.macs for instance in mixed] == [
        costs[0],
        round(sum(costs) / 2),
        costs[1],
    ]
    for instance, value in zip(
        mixed, [right[0], sum(right[:2]) / 2, right[1]], strict=True
    ):
        assert instance.measured["accuracy"] == pytest.approx(value)
    assert grown[0].macs == costs[0]
    assert grown[0].measured["accuracy"] == pytest.approx(right[0])
    # As accurate as either end on the images it was fitted to, for no more.
    both = kd.evaluation.growing_nets(nets, (x, y), (x, y), points=3, verbose=0)
    last = list(both["ensemble"])[-1]
    assert last.macs <= sum(costs)
    assert last.measured["accuracy"] >= max(right[0], right[2]) - 1e-9
    kd.evaluation.plot(menus, tmp_path / "curves.svg", x="macs")


def test_nets_are_given_cheapest_first(nets):
    with pytest.raises(kd.DynresError, match="dearer than the one before"):
        kd.evaluation.growing_nets(nets[::-1], data(0), data(1), verbose=0)
    with pytest.raises(kd.DynresError, match="labelled"):
        images = data(0)[0]
        kd.evaluation.growing_nets(nets, images, data(1), verbose=0)
