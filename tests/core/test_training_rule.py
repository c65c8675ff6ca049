"""A method whose training runs another graph than inference."""

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import graph

LAYER = "stage2_block1_add"
pytestmark = pytest.mark.backends


class Bent(kd.DynamicModel):
    """In `bent` a feature map's negative part shrinks, in training more."""

    def define_instances(self):
        return [kd.Instance("full"), kd.Instance("bent", {"slope": 0.5})]

    def rule(self, instance):
        return _bent(instance.settings.get("slope"))

    def training_rule(self, instance):
        slope = instance.settings.get("slope")
        return _bent(slope and slope / 5)


def _bent(slope):
    if slope is None:
        return {}
    layer = keras.layers.LeakyReLU(slope, name=f"{LAYER}_{slope:g}")
    return {LAYER: graph.after(layer)}


@pytest.fixture
def model():
    return contract.compiled(Bent(contract.base()))


def test_the_instance_is_what_the_rule_says(model):
    names = {layer.name for layer in model.at("bent", uncalibrated=True).layers}
    assert f"{LAYER}_0.5" in names and f"{LAYER}_0.1" not in names
    training = model.at("bent", uncalibrated=True, training=True)
    assert f"{LAYER}_0.1" in {layer.name for layer in training.layers}
    assert model.menu["bent"].macs == kd.cost.count(training).macs


def test_full_computes_the_same_in_both(model):
    x = contract.images()
    np.testing.assert_array_equal(
        model.at("full")(x), model.at("full", training=True)(x)
    )


def test_a_step_trains_the_training_graph(model):
    x, y = contract.images(), contract.labels()
    training = model.at("bent", uncalibrated=True, training=True)
    losses = {
        name: float(contract.loss()(y, graph(x, training=True)))
        for name, graph in {
            "training": training,
            "inference": model.at("bent", uncalibrated=True),
        }.items()
    }
    assert abs(losses["training"] - losses["inference"]) > 1e-4
    # Looking at the losses moved the averages; a step does not depend on them.
    model.plan.target = None
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(contract.step_of(model, "bent"))
    loss = model.train_on_batch(x, y, return_dict=True)["loss"]
    assert loss == pytest.approx(losses["training"], abs=1e-4)


def test_calibration_sees_the_training_graph(model):
    x = contract.images()
    model.calibrate(x, verbose=0)
    norm = next(
        slot for key, slot in model.slots.items() if key.startswith("stage3_block1_bn1")
    )
    training = model.at("bent", training=True)
    seen = keras.Model(training.input, training.get_layer(f"{LAYER}_0.1").output)
    mean = np.asarray(seen(x)).mean((0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, mean, atol=1e-4)
