"""A graph in stages: the same numbers, each layer once, nothing ahead."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import graph
from keras_dynres.exits import stages


def small():
    return kd.architectures.msdnet(
        "cifar_budget10", (16, 16, 3), 4, steps=(1, 2, 1), channels=4, growth=2, head=4
    )


def run(parts, images):
    known, outputs = {parts[0].takes[0]: images}, []
    for stage in parts:
        made = stage.model(stage.features(known))
        prediction, known = stage.after(known, made)
        outputs.append(np.asarray(prediction))
        assert set(known) == set(stage.keeps)
    return outputs


def test_stages_give_what_the_whole_gives():
    net, images = small(), np.random.default_rng(0).normal(size=(3, 16, 16, 3))
    images = images.astype("float32")
    for one, other in zip(run(stages.split(net), images), net(images), strict=True):
        np.testing.assert_allclose(one, np.asarray(other), atol=1e-6)


def test_every_layer_is_in_one_stage():
    net = small()
    held = [call.name for s in stages.split(net) for call in graph.calls(s.model)]
    assert sorted(held) == sorted(call.name for call in graph.calls(net))


def test_a_stage_computes_nothing_its_exit_does_not_need():
    net, done = small(), set()
    for output, stage in zip(net.outputs, stages.split(net), strict=True):
        alone = {call.name for call in graph.calls(keras.Model(net.input, output))}
        held = {call.name for call in graph.calls(stage.model)}
        assert held == alone - done
        done |= held


def test_the_last_stage_keeps_nothing_and_features_are_dropped_when_used_up():
    parts = stages.split(small())
    assert parts[-1].keeps == parts[-1].makes == ()
    assert parts[0].takes == ("images",)
    for before, after in zip(parts, parts[1:], strict=False):
        assert set(after.takes) <= set(before.keeps)
        for later in set(before.keeps) - set(after.takes):
            assert any(later in s.takes for s in parts[parts.index(after) + 1 :])


def test_the_image_itself_may_be_needed_later():
    x = keras.Input((8, 8, 3), name="images")
    early = keras.layers.GlobalAveragePooling2D(name="early")(x)
    late = keras.layers.Conv2D(2, 3, name="late_conv")(x)
    late = keras.layers.GlobalAveragePooling2D(name="late")(late)
    parts = stages.split(keras.Model(x, [early, late]))
    assert parts[0].keeps == parts[1].takes == ("images",)
    images = np.ones((1, 8, 8, 3), "float32")
    assert [o.shape for o in run(parts, images)] == [(1, 3), (1, 2)]


def test_an_output_on_the_way_to_an_earlier_one_is_refused():
    x = keras.Input((4,), name="images")
    first = keras.layers.Dense(3, name="first")(x)
    second = keras.layers.Dense(2, name="second")(first)
    with pytest.raises(kd.DynresError, match="no output before it needs"):
        stages.split(keras.Model(x, [second, first]))
