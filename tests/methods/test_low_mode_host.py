"""Low batches that are shrunk in the input pipeline."""

import contract
import keras
import numpy as np
import pytest
from low_nets import tiny

import keras_dynres as kd

tf = pytest.importorskip("tensorflow")
X, Y = contract.images(32), contract.labels(32)


def batches(count=4):
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(len(X) // count)


def trained(shrink, blur="gaussian", **fit):
    keras.utils.set_random_seed(0)
    model = contract.compiled(kd.LowMode(tiny(16), shrink=shrink, blur=blur))
    data = batches().repeat() if "steps_per_epoch" in fit else batches()
    if shrink == "host":
        data = kd.data.shrunk(data, model.low_steps, blur=blur)
    fit = {"epochs": 3, "shuffle": False, "verbose": 0, **fit}
    history = model.fit(data, **fit)
    return contract.values(model), history.history["low_share"]


@pytest.mark.backends
@pytest.mark.parametrize(
    ("blur", "fit"),
    [
        ("gaussian", {"validation_data": (X, Y)}),
        ("bilinear", {"steps_per_epoch": 4}),
    ],
)
def test_it_trains_as_on_the_device(blur, fit):
    device, shares = trained("device", blur, **fit)
    host, same = trained("host", blur, **fit)
    assert shares == same and 0 < np.mean(shares) < 1
    contract.same(device, host, atol=1e-3, rtol=1e-3)


@pytest.mark.backends
@pytest.mark.parametrize("blur", ["gaussian", "bilinear"])
def test_batches_are_shrunk_as_the_instance_shrinks_them(blur):
    model = kd.LowMode(tiny(16), blur=blur, shrink="host")
    turns = [model.plan.names_at(step) == ["low"] for step in range(4)]
    assert len(set(turns)) == 2
    low = model.at("low", uncalibrated=True)
    shrink = keras.Model(low.input, low.get_layer("images_shrunk").output)
    data = kd.data.shrunk(batches(), model.low_steps, blur=blur)
    assert len(data) == 4
    for turn, (plain, _), (images, labels) in zip(turns, batches(), data, strict=True):
        expected = shrink(plain.numpy()) if turn else plain
        np.testing.assert_allclose(images, expected, atol=1e-5)
        assert len(labels) == len(images)


def test_a_step_trains_what_its_batch_was_made_for():
    """Batches read ahead keep their mode when the epoch's probability changes."""
    model = contract.compiled(kd.LowMode(tiny(16), probability=[1, 0], shrink="host"))
    turns = model.low_steps()
    assert [next(turns) for _ in range(2)] == [True, True]
    model.make_train_function()
    model.plan.begin_epoch(1, 2, model.optimizer, model.rate_drop)
    drawn = [model.plan.names_at(step) for step in range(3)]
    assert drawn == [["low"], ["low"], ["full"]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ratio": 3}, "16 and 16. Received: ratio=3"),
        ({"blur": "gausian"}, "Did you mean 'gaussian'"),
    ],
)
def test_refusals(options, says):
    model = kd.LowMode(tiny(16), shrink="host")
    with pytest.raises(kd.DynresError, match=says):
        kd.data.shrunk(batches(), model.low_steps, **options)
