"""When steps of low-mode are low, and what fit says of it."""

import contract
import keras
import numpy as np
import pytest
from low_nets import tiny

import keras_dynres as kd
from keras_dynres.methods import low_plan

X = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
Y = contract.labels(8)
STEPS = 2  # Of an epoch.


def low_mode(rate=0.1, **options):
    model = kd.LowMode(tiny(), **options)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    model.compile(
        optimizer, contract.loss(), jit_compile=keras.backend.backend() == "jax"
    )
    return model


def fit(model, epochs, **options):
    """The share of low steps in each epoch."""
    options = {"batch_size": len(X) // STEPS, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, **options).history["low_share"]


def rates(*values):
    """A schedule with one rate an epoch."""
    at = [STEPS * epoch - 1 for epoch in range(1, len(values))]
    return keras.optimizers.schedules.PiecewiseConstantDecay(at, list(values))


@pytest.mark.backends
def test_fit_logs_how_many_steps_were_low():
    model = low_mode()
    expected = [
        np.mean([model.plan.names_at(e * STEPS + s) == ["low"] for s in range(STEPS)])
        for e in range(3)
    ]
    assert len(set(expected)) > 1
    assert fit(model, 3) == expected
    saved = model.history.history["seconds_saved"]
    assert len(saved) == 3 and np.isfinite(saved).all()


def test_probabilities_may_differ_by_epoch():
    model = low_mode(probability=[1, 0, 1])
    assert model.probabilities() == pytest.approx({"full": 1 / 3, "low": 2 / 3})
    assert fit(model, 3) == [1, 0, 1]
    message = "Received: 3 probabilities and epochs=4"
    with pytest.raises(kd.DynresError, match=message):
        fit(model, 4)


def test_alternating_steps_come_at_even_distances():
    model = kd.LowMode(tiny(), probability=0.25, alternate=True)
    drawn = [model.plan.names_at(step) for step in range(12)]
    assert drawn == 3 * [["full"], ["full"], ["full"], ["low"]]


@pytest.mark.backends
def test_after_a_drop_of_a_schedule_steps_are_full():
    schedule = rates(0.1, 0.1, 0.01, 0.01, 0.01, 0.001)
    model = low_mode(schedule, probability=1.0, full_after_drop=2)
    assert fit(model, 6) == [1, 1, 0, 0, 1, 0]
    assert fit(low_mode(schedule, probability=1.0, full_after_drop=0), 4) == 4 * [1]


def test_a_smooth_decay_has_no_drops_but_in_its_last_epochs():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 8 * STEPS)
    model = low_mode(schedule, probability=1.0, full_after_drop=1)
    assert fit(model, 8) == [1, 1, 1, 1, 1, 1, 0, 0]


@pytest.mark.backends
def test_drops_made_by_callbacks_are_found():
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, min_delta=1e6, cooldown=9
    )
    model = low_mode(probability=1.0, full_after_drop=2)
    # The first epoch sets the best; the second is no better; the third has the drop.
    assert fit(model, 5, callbacks=plateau) == [1, 1, 0, 0, 1]


def test_the_last_epochs_are_full_when_asked():
    assert fit(low_mode(probability=1.0, full_at_end=2), 4) == [1, 1, 0, 0]
    by_epoch = low_mode(probability=[1.0] * 6, full_at_end=2)
    assert fit(by_epoch, 4) == [1, 1, 1, 1]  # Stopped early: the last are the list's.


@pytest.mark.backends
def test_a_resumed_run_goes_on_as_an_unbroken_one(tmp_path):
    schedule = rates(0.1, 0.01, 0.01, 0.01)
    keras.utils.set_random_seed(1)
    unbroken = low_mode(schedule, probability=0.75, full_after_drop=2)
    shares = fit(unbroken, 4)
    assert shares[1:3] == [0, 0] and shares[3] > 0
    keras.utils.set_random_seed(1)
    broken = low_mode(schedule, probability=0.75, full_after_drop=2)
    fit(broken, 2)
    broken.save(tmp_path / "m.keras")
    resumed = keras.saving.load_model(tmp_path / "m.keras")
    assert fit(resumed, 4, initial_epoch=2) == shares[2:]
    contract.same(contract.values(resumed), contract.values(unbroken), atol=1e-5)


@pytest.mark.backends
def test_a_model_trained_anew_forgets_the_drops_of_before():
    model = low_mode(rates(0.1, 0.01), probability=1.0)
    assert fit(model, 2) == [1, 0]
    model.optimizer.iterations.assign(0)
    assert fit(model, 2) == [1, 0]


@pytest.mark.backends
def test_instances_that_were_never_drawn_can_be_calibrated():
    model = low_mode(probability=0)
    fit(model, 1)
    model.calibrate(X, verbose=0)
    assert np.isfinite(np.asarray(model.at("low")(X))).all()
    # Moments of their own, and not those of the full network.
    means = [np.asarray(s.moving_mean) for s in model.slots.values()]
    own = [np.asarray(model.base.get_layer("bn1").moving_mean)]
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(means, own, strict=True))


def test_seconds_saved_are_those_of_steps_that_compiled_nothing(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(low_plan.time, "perf_counter", lambda: clock[0])

    class Steps:
        def __call__(self, name, seconds):
            self.drawn = [name]
            clock[0] += seconds
            return {"loss": np.float32(0)}

    timed = low_plan.TimedSteps(Steps())
    for name, seconds in [("full", 50), ("low", 40), ("low", 2), ("full", 9)]:
        timed(name, seconds)
    assert timed.logs() == {"low_share": 0.5, "seconds_saved": 2 * (9 - 2)}
    timed.begin_epoch()
    for seconds in [7] * timed.TIMED + [100]:  # The last is not timed any more.
        timed("full", seconds)
    assert timed.logs() == {"low_share": 0, "seconds_saved": 0}
    timed("low", 1)
    expected = {"low_share": 1 / 18, "seconds_saved": 7 - 2}
    assert timed.logs() == pytest.approx(expected)


def test_a_target_is_trained_whatever_the_shares():
    model = low_mode(probability=1.0)
    assert fit(model, 2, callbacks=[kd.ResizableAug("full", share=0)]) == [0, 0]
    assert fit(model, 2, callbacks=[kd.ResizableAug("full", share=0.5)]) == [1, 0]
    assert fit(model, 1) == [1]  # The next training has no target.
