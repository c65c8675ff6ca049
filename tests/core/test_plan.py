"""Plans as a user assigns them; what methods draw is in their own tests."""

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.core.plan import Joint, Plan, uniform


def model():
    return contract.compiled(kd.SDPoint(contract.base(), points=["stage2_block1_add"]))


def test_any_plan_serves_any_method():
    net = model()
    net.plan = Plan({"full": 0.25, "p1@0.5": 0.75}, seed=3)
    drawn = [net.instances_at_step(step) for step in range(400)]
    assert drawn == [net.plan.names_at(step) for step in range(400)]
    share = drawn.count(["p1@0.5"]) / 400
    assert share == pytest.approx(0.75, abs=0.07)
    assert net.probabilities() == {"full": 0.25, "p1@0.5": 0.75}


def test_a_target_is_asked_before_the_draw_and_ends_with_the_training():
    plan = uniform(["full", "half"])
    plan.target = "half"
    assert {name for step in range(50) for name in plan.names_at(step)} == {"half"}
    plan.begin()
    assert plan.target is None
    assert len({name for step in range(50) for name in plan.names_at(step)}) == 2


def test_names_the_model_does_not_have_are_refused():
    net = model()
    with pytest.raises(kd.DynresError, match="Did you mean 'p1@0.5'"):
        net.plan.target = "p1@0.6"
    net.plan = Plan({"full": 0.5, "p9@0.5": 0.5})
    with pytest.raises(kd.DynresError, match="Received: 'p9@0.5'"):
        net.fit(contract.images(), contract.labels(), verbose=0)


def test_a_joint_plan_trains_all_at_once():
    plan = Joint("full", ["exit1", "full"], seed=1)
    assert [plan.names_at(step) for step in range(3)] == 3 * [["full"]]
    net = kd.EarlyExit(contract.base(), ["stage1_block1_add"])
    assert plan.weights(net, "full") == net.base.trainable_weights


class Drawn(keras.callbacks.Callback):
    """The instances of every step."""

    def __init__(self):
        super().__init__()
        self.names = []

    def on_train_batch_end(self, batch, logs=None):
        self.names += self.model.train_function.drawn


@pytest.mark.backends
def test_accumulated_gradients_leave_the_plan_its_steps():
    """Each batch is a step of the plan; weights move at every second alone."""
    net, drawn = model(), Drawn()
    net.compile(
        keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), contract.loss()
    )
    x, y = contract.images(), contract.labels()
    before = np.array(net.base.trainable_weights[0])
    options = {"batch_size": len(x), "verbose": 0, "callbacks": [drawn]}
    net.fit(x, y, **options)
    np.testing.assert_array_equal(net.base.trainable_weights[0], before)
    for _ in range(3):
        net.fit(x, y, **options)
    assert (np.array(net.base.trainable_weights[0]) != before).any()
    assert [[name] for name in drawn.names] == [
        net.instances_at_step(step) for step in range(4)
    ]
