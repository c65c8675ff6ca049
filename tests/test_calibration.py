import keras
import numpy as np
import pytest

import keras_dynres as kd


def one_norm():
    x = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(4, 3, padding="same", name="conv1")(x)
    y = keras.layers.Conv2D(4, 3, padding="same", name="conv2")(y)
    y = keras.layers.Conv2D(4, 3, padding="same", name="conv3")(y)
    y = keras.layers.BatchNormalization(name="bn")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(2)(y))


def uneven():
    draw = np.random.default_rng(0)
    return [draw.normal(1, 2, (n, 8, 8, 3)).astype("float32") for n in (6, 4, 3)]


def last_input(model, name, data):
    graph = model.at(name, uncalibrated=True)
    call = next(
        c
        for c in kd.graph.calls(graph)
        if isinstance(c.layer, keras.layers.BatchNormalization)
    )
    probe = keras.Model(graph.input, call.inputs[0])
    return call.layer, np.concatenate(
        [np.asarray(probe(x)).reshape(-1, 4) for x in data]
    )


@pytest.mark.backends
def test_statistics_are_exact_over_uneven_batches():
    model, data = kd.SDPoint(one_norm(), points=["conv1", "conv2"]), uneven()
    model.calibrate(data, verbose=0)
    assert len(model.slots) == 4
    for name in model.instances:
        layer, pixels = last_input(model, name, data)
        np.testing.assert_allclose(layer.moving_mean, pixels.mean(0), rtol=1e-4)
        np.testing.assert_allclose(layer.moving_variance, pixels.var(0), rtol=1e-4)


def test_batches_and_instances_limit_the_work():
    model, data = kd.SDPoint(one_norm(), points=["conv1"]), uneven()
    model.calibrate(data, batches=1, instances=["p1@0.5"], verbose=0)
    assert model.is_calibrated("p1@0.5") and not model.is_calibrated("p1@0.75")
    layer, pixels = last_input(model, "p1@0.5", data[:1])
    np.testing.assert_allclose(layer.moving_mean, pixels.mean(0), rtol=1e-4)


@pytest.mark.backends
def test_uniform_statistics_pool_all_instances_as_often_as_drawn():
    model = kd.SDPoint(one_norm(), points=["conv1", "conv2"], statistics="uniform")
    data = uneven()
    model.calibrate(data, verbose=0)
    odds = model.probabilities()
    parts = {name: last_input(model, name, data)[1] for name in model.instances}
    mean = sum(odds[n] * p.mean(0) for n, p in parts.items())
    square = sum(odds[n] * (p**2).mean(0) for n, p in parts.items())
    norm = model.base.get_layer("bn")
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, square - mean**2, rtol=1e-3)


class Interrupted:
    """Ctrl-C amid the pass of that number."""

    def __init__(self, data, broken):
        self.data, self.left = data, broken

    def __iter__(self):
        self.left -= 1
        yield self.data[0]
        if not self.left:
            raise KeyboardInterrupt
        yield from self.data[1:]


def test_an_interrupted_calibration_keeps_what_is_done_and_goes_on():
    model, data = kd.SDPoint(one_norm(), points=["conv1", "conv2"]), uneven()
    with pytest.raises(KeyboardInterrupt):
        model.calibrate(Interrupted(data, broken=3), verbose=0)
    done = [n for n in model.instances if model.is_calibrated(n)]
    assert done == ["full", "p1@0.5"]
    kept = np.array(model.slots["bn/p1@0.5"].moving_mean)
    model.calibrate([2 * x for x in data], resume=True, verbose=0)
    assert all(model.is_calibrated(n) for n in model.instances)
    np.testing.assert_array_equal(model.slots["bn/p1@0.5"].moving_mean, kept)


@pytest.mark.parametrize("statistics", ["instance", "uniform"])
@pytest.mark.parametrize("broken", [1, 2])
def test_interrupted_and_resumed_is_as_unbroken(statistics, broken):
    """A norm before the point is shared with `full`, which is calibrated first."""
    x = y = keras.Input((8, 8, 3))
    for name in ("conv1", "conv2"):
        y = keras.layers.Conv2D(4, 3, padding="same", name=name)(y)
        y = keras.layers.BatchNormalization()(y)
    base = keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))
    options = {"points": ["conv2"], "ratios": [0.5], "statistics": statistics}
    whole, parts = (
        kd.SDPoint(keras.models.clone_model(base), **options) for _ in range(2)
    )
    parts.set_weights(whole.get_weights())
    whole.calibrate(uneven(), verbose=0)
    names = ["p1@0.5", "full"]
    with pytest.raises(KeyboardInterrupt):
        parts.calibrate(Interrupted(uneven(), broken), instances=names, verbose=0)
    parts.at("full")
    parts.calibrate(uneven(), instances=names, resume=True, verbose=0)
    for ours, theirs in zip(parts.weights, whole.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, err_msg=ours.path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "no images"),
        (np.full((2, 8, 8, 3), np.nan, "float32"), "not finite"),
    ],
)
def test_refusals(data, says):
    model = kd.SDPoint(one_norm(), points=["conv1"])
    with pytest.raises(kd.DynresError, match=says):
        model.calibrate(data, verbose=0)
    assert not model.is_calibrated("p1@0.5")
