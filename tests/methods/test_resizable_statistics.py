"""Which batch norms the instances of a resizable network share."""

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd


def base(strides=(1, 2, 1, 2, 1)):
    """Three stages; five batch norms from bn1, before the first, to bn5."""
    x = y = keras.Input((16, 16, 3))
    for number, stride in enumerate(strides, 1):
        y = keras.layers.Conv2D(4, 3, stride, "same", name=f"conv{number}")(y)
        y = keras.layers.BatchNormalization(name=f"bn{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(4)(y), name="plain")


def test_a_batch_norm_has_a_slot_for_each_scale_of_its_stage():
    model = kd.Resizable(base(), scales=(0.45, 0.5, 1))
    # The first stands before the first stage's point, the others behind one.
    assert set(model.slots) == {
        f"bn{number}/{scale}" for number in (2, 3, 4, 5) for scale in ("0.45", "0.5")
    }
    assert model.owned_slots("s0.45-1-0.5") == ["bn2/0.45", "bn5/0.5"]
    graph = model.at("s0.45-1-0.5")
    kinds = {type(layer) for layer in graph.layers if "bn" in layer.name}
    assert kinds == {keras.layers.BatchNormalization}


SHORT = (1, 2, 1)  # Strides of two stages.


def test_slots_begin_as_the_bases_batch_norms():
    net = base()
    for weight in net.get_layer("bn3").weights:
        weight.assign(np.arange(1.0, 5.0))
    model = kd.Resizable(net, scales=(0.5, 1))
    for value in model.slots["bn3/0.5"].get_weights():
        np.testing.assert_array_equal(value, [1, 2, 3, 4])


@pytest.mark.backends
def test_a_configuration_is_calibrated_through_its_slots():
    model = kd.Resizable(base(), scales=(0.5, 1))
    before = np.array(model.slots["bn5/0.5"].moving_mean)
    x = contract.images()
    model.calibrate(x, instances=["s0.5-1-1"], verbose=0)
    slot, graph = model.slots["bn2/0.5"], model.at("s0.5-1-1")
    call = next(c for c in kd.graph.calls(graph) if c.layer is slot)
    seen = np.asarray(keras.Model(graph.input, call.inputs[0])(x)).reshape(-1, 4)
    np.testing.assert_allclose(slot.moving_mean, seen.mean(0), atol=1e-5)
    np.testing.assert_array_equal(model.slots["bn5/0.5"].moving_mean, before)


@pytest.mark.backends
def test_calibration_mends_statistics_that_training_left_behind():
    net = base((1, 2) + 10 * (1,))
    for layer in net.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(1e4 * layer.kernel)  # As steps that are too large do.
    model = kd.Resizable(net, scales=(0.5, 1))
    x = contract.images()
    # Twelve times unnormalised it overflows, in the base as in every instance.
    for graph in (net, *map(model.at, model.instances)):
        assert not np.isfinite(np.asarray(graph(x, training=False))).all()
    model.calibrate(x, verbose=0)
    for name in model.instances:
        assert np.isfinite(np.asarray(model.at(name)(x, training=False))).all()


@pytest.mark.backends
def test_a_copy_is_recalibrated_alone():
    model, x = kd.Resizable(base(SHORT), scales=(0.5, 1)), contract.images()
    before = contract.every_logits(model, x)
    copy = model.at("s1-0.5", copy=True)
    kd.recalibrate(copy, x)
    norm = copy.get_layer("bn3")
    seen = keras.Model(copy.input, norm.input)(x, training=False)
    seen = np.asarray(seen).reshape(-1, 4)
    np.testing.assert_allclose(norm.moving_mean, seen.mean(0), atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, seen.var(0), rtol=1e-4)
    for name, value in contract.every_logits(model, x).items():
        np.testing.assert_array_equal(value, before[name])


def by_configuration(scales=(0.4, 0.5, 1), **options):
    return kd.Resizable(base(**options), scales=scales, statistics="configuration")


def test_configurations_keep_statistics_apart_and_share_the_rest_by_scale():
    model = by_configuration()
    # Stages begin behind bn1, bn2 and bn4.
    assert model.owned_slots("s1-0.5-1") == [
        "bn3/1-0.5",
        "bn4/1-0.5",
        "bn5/1-0.5-1",
    ]
    slots = model.slots
    for one, other in (("1-0.5", "0.4-0.5"), ("0.5-0.5", "0.4-0.5")):
        assert slots[f"bn3/{one}"].gamma is slots[f"bn3/{other}"].gamma
        assert slots[f"bn3/{one}"].beta is slots[f"bn3/{other}"].beta
        mean = slots[f"bn3/{one}"].moving_mean
        assert mean is not slots[f"bn3/{other}"].moving_mean
    assert slots["bn3/0.4-0.4"].gamma is not slots["bn3/0.4-0.5"].gamma
    assert slots["bn5/0.5-0.5-1"].gamma is model.base.get_layer("bn5").gamma
    assert not model.owned_slots("full")


def test_calibrated_configurations_are_as_good_as_recalibrated_copies():
    model, x = by_configuration((0.5, 1), strides=SHORT), contract.images(16)
    model.calibrate(x, verbose=0)
    found = contract.every_logits(model, x)
    for name in model.instances:
        copy = model.at(name, copy=True)
        kd.recalibrate(copy, x)
        np.testing.assert_allclose(copy(x, training=False), found[name], atol=1e-4)


def trained(statistics, net=base, epochs=2, **options):
    keras.utils.set_random_seed(3)
    model = kd.Resizable(net(), scales=(0.5, 1), statistics=statistics, **options)
    contract.compiled(model).fit(
        contract.images(), contract.labels(), batch_size=4, epochs=epochs, verbose=0
    )
    return model


def shortly_trained(statistics):
    """In two steps, of configurations that share what a scale shares."""
    drawn = {"sampling": "random", "seed": 38, "epochs": 1}
    model = trained(statistics, lambda: base(SHORT), **drawn)
    names = [model.instances_at_step(step) for step in range(2)]
    assert names == [["s0.5-0.5"], ["s1-0.5"]]
    return model


@pytest.mark.backends
def test_statistics_by_configuration_train_the_same_weights():
    one, other = (
        # The two keep them in another order.
        sorted(
            (np.array(w) for w in shortly_trained(kind).trainable_weights),
            key=lambda w: (w.shape, float(w.sum())),
        )
        for kind in ("scale", "configuration")
    )
    contract.same(one, other, atol=1e-5)


def test_statistics_change_their_kind_over_the_same_weights():
    model, x = trained("scale"), contract.images(16)
    finer = model.with_statistics("configuration")
    assert finer.base is model.base
    with pytest.raises(kd.NotCalibratedError, match="calibrate"):
        finer.at("s0.5-1-0.5")
    for name in ("s0.5-1-0.5", "s1-0.5-0.5"):
        gamma = finer.slots[finer.owned_slots(name)[-1]].gamma
        np.testing.assert_array_equal(gamma, model.slots["bn5/0.5"].gamma)
    before = {key: np.array(slot.moving_mean) for key, slot in model.slots.items()}
    again = finer.with_statistics("scale")
    for key, slot in model.slots.items():
        np.testing.assert_array_equal(slot.gamma, again.slots[key].gamma)
    copy = model.at("s0.5-1-0.5", copy=True)
    kd.recalibrate(copy, x)
    finer.calibrate(x, verbose=0)
    np.testing.assert_allclose(
        copy(x, training=False), contract.logits(finer, "s0.5-1-0.5", x), atol=1e-4
    )
    # The base's statistics are both models', the slots each one's own.
    for slot, mean in before.items():
        np.testing.assert_array_equal(model.slots[slot].moving_mean, mean)
