"""Steps of several instances: what the optimizer is given, and what it leaves alone."""

import types

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd

X, Y = contract.images(), contract.labels()


def two_stages():
    x = y = keras.Input((contract.SIZE, contract.SIZE, 3))
    for number, stride in enumerate((1, 2, 1), 1):
        y = keras.layers.Conv2D(4, 3, stride, "same", name=f"conv{number}")(y)
        if number > 1:  # What stands before the first stage has no slots.
            y = keras.layers.BatchNormalization(name=f"bn{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(4)(y))


def resizable(**options):
    return kd.Resizable(two_stages(), scales=(0.5, 1.0), **options)


def compiled(model, rate=0.1, **options):
    optimizer = keras.optimizers.SGD(rate, **options)
    model.compile(optimizer, contract.loss(), metrics=["accuracy"], **jit())
    optimizer.build(model.trainable_variables)
    return model


def jit():
    return {"jit_compile": keras.backend.backend() == "jax"}


def trained(model):
    return [np.array(w) for w in model.trainable_variables]


@pytest.mark.backends
@pytest.mark.parametrize("samples", [1, 2])
def test_the_optimizer_knows_weights_that_only_later_steps_use(samples):
    """As a user compiles: nobody has built the optimizer before `fit`."""
    model = resizable(sampling="random", samples=samples, seed=1)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), contract.loss(), **jit())
    drawn = [set(model.instances_at_step(step)) for step in range(4)]
    # Without this seed's luck all slots would be there from the first step.
    used = [set().union(*(model.owned_slots(n) for n in names)) for names in drawn]
    assert set().union(*used) > used[0]
    batches = [np.concatenate([each[:4]] * 4) for each in (X, Y)]
    model.fit(*batches, batch_size=4, epochs=1, shuffle=False, verbose=0)
    assert int(model.optimizer.iterations + 0) == 4
    weights = model.trainable_variables
    assert len(model.optimizer.variables) == 2 + len(weights)


def summed_gradient(model, names, taught=None):
    """By plain models alone: a step of rate 1 from the weights as they are.

    All but the first are given the shares `taught` for labels, if there are any.
    """
    start = contract.values(model)
    total = {id(w): 0 for w in model.trainable_variables}
    for place, name in enumerate(names):
        graph = model.at(name, uncalibrated=True)
        pupil = place and taught is not None
        soft = keras.losses.CategoricalCrossentropy(from_logits=True)
        loss, labels = (soft, taught) if pupil else (contract.loss(), Y)
        graph.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
        before = {id(w): np.array(w) for w in graph.trainable_variables}
        graph.train_on_batch(X, labels)
        for weight in graph.trainable_variables:
            total[id(weight)] += before[id(weight)] - np.array(weight)
        for weight, value in zip(model.weights, start, strict=True):
            weight.assign(value)
    return [total[id(w)] for w in model.trainable_variables]


@pytest.mark.backends
def test_an_update_is_one_step_on_the_summed_gradient():
    rates = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 0.02])
    model = compiled(resizable(), rates, momentum=0.9, weight_decay=0.01)
    weights, momentum = trained(model), [0 for _ in model.trainable_variables]
    for step, rate in enumerate([0.1, 0.02]):
        names = model.instances_at_step(step)
        gradients = summed_gradient(model, names)
        momentum = [
            0.9 * m - rate * g for m, g in zip(momentum, gradients, strict=True)
        ]
        weights = [
            w - rate * 0.01 * w + m for w, m in zip(weights, momentum, strict=True)
        ]
        model.train_on_batch(X, Y)
        assert int(model.optimizer.iterations) == step + 1
        for weight, found, wanted in zip(
            model.trainable_variables, trained(model), weights, strict=True
        ):
            np.testing.assert_allclose(found, wanted, atol=3e-5, err_msg=weight.path)


@pytest.mark.backends
@pytest.mark.parametrize("samples", [1, 2])
def test_weights_without_a_gradient_stay_where_they_are(samples):
    model = resizable(sampling="random", samples=samples)
    compiled(model, momentum=0.9, weight_decay=0.1)
    seen = set()
    for step in range(4):
        names = set(model.instances_at_step(step))
        graphs = [model.at(name, uncalibrated=True) for name in names]
        used = {id(w) for graph in graphs for w in graph.trainable_weights}
        before = trained(model)
        model.train_on_batch(X, Y)
        for weight, old in zip(model.trainable_variables, before, strict=True):
            moved = not np.array_equal(np.array(weight), old)
            assert moved == (id(weight) in used), weight.path
            # Where one is left alone after it was moved, momentum would show.
            seen.add((id(weight) in used, weight.path))
    assert {path for used, path in seen if used} & {
        path for used, path in seen if not used
    }


@pytest.mark.backends
def test_an_interrupted_update_leaves_nothing_behind():
    model = compiled(resizable())
    model.train_on_batch(X, Y)
    at, calls = type(model).at, []

    def interrupted(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == 2:  # The first instance's gradients are in the sums.
            raise KeyboardInterrupt
        return at(self, *args, **kwargs)

    start, before = contract.values(model), trained(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "at", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.train_on_batch(X, Y)
    contract.same(trained(model), before)
    for weight, value in zip(model.weights, start, strict=True):
        weight.assign(value)
    gradients = summed_gradient(model, model.instances_at_step(1))
    model.train_on_batch(X, Y)
    for old, new, gradient in zip(before, trained(model), gradients, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, atol=1e-5)


@pytest.mark.backends
def test_fit_shows_means_over_the_update_and_counts_batches():
    model = compiled(resizable(), rate=1e-6)
    names = model.instances_at_step(0)
    losses = [
        float(contract.loss()(Y, model.at(name, uncalibrated=True)(X, training=True)))
        for name in names
    ]
    batches = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(logs["loss"])
    )
    x, y = np.concatenate([X, X]), np.concatenate([Y, Y])
    history = model.fit(x, y, batch_size=8, shuffle=False, callbacks=[count], verbose=0)
    assert len(batches) == int(model.optimizer.iterations) == 2
    assert batches[0] == pytest.approx(np.mean(losses), rel=1e-4)
    assert set(history.history) == {"loss", "accuracy"}


@pytest.mark.backends
def test_training_keeps_the_statistics_that_inference_uses():
    model = compiled(resizable(), rate=1e-6)
    names = model.instances_at_step(0)
    name = next(n for n in names if "bn2/0.5" in model.owned_slots(n))
    for _ in range(3):
        model.train_on_batch(X, Y)
    slot = model.slots["bn2/0.5"]
    graph = model.at(name)
    call = next(c for c in kd.graph.calls(graph) if c.layer is slot)
    seen = keras.Model(graph.input, call.inputs[0])(X, training=True)
    seen = np.asarray(seen).reshape(-1, slot.moving_mean.shape[0])
    kept = slot.momentum**3
    np.testing.assert_allclose(slot.moving_mean, (1 - kept) * seen.mean(0), atol=1e-3)
    np.testing.assert_allclose(
        slot.moving_variance, kept + (1 - kept) * seen.var(0), rtol=1e-2
    )


@pytest.mark.backends
def test_frozen_layers_and_clipping_work_as_in_keras():
    model = resizable()
    model.base.get_layer("conv1").trainable = False
    compiled(model, global_clipnorm=1e-3)
    before = trained(model)
    model.train_on_batch(X, Y)
    moved = [new - old for new, old in zip(trained(model), before, strict=True)]
    norm = np.sqrt(sum((m**2).sum() for m in moved))
    assert norm == pytest.approx(0.1 * 1e-3, rel=1e-2)


@pytest.mark.backends
def test_the_others_of_a_sandwich_learn_from_the_largest():
    model = compiled(resizable(sampling="sandwich", samples=3), momentum=0.9)
    names = model.instances_at_step(0)
    assert names[:2] == ["full", "s0.5-0.5"] and len(names) == 3
    start = contract.values(model)
    taught = keras.ops.softmax(model.at("full")(X, training=True))
    for weight, value in zip(model.weights, start, strict=True):
        weight.assign(value)
    gradients = summed_gradient(model, names, np.asarray(taught))
    before = trained(model)
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert set(logs) == {"loss", "accuracy"}
    for old, new, gradient in zip(before, trained(model), gradients, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, atol=1e-5)
    # Evaluation, and a target alone, know of no teacher.
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == set(logs)
    model.fit(X, Y, callbacks=[kd.ResizableAug(share=0)], verbose=0)


def test_a_sandwich_is_refused_on_several_replicas(monkeypatch):
    model = compiled(resizable(sampling="sandwich"))
    two = types.SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(type(model), "distribute_strategy", two)
    with pytest.raises(kd.DynresError, match="one replica.*2 replicas"):
        model.make_train_function()


class Drawn(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.names = []

    def on_train_batch_end(self, batch, logs=None):
        self.names.append(self.model.train_function.drawn)


def test_the_last_third_of_resizable_aug_trains_the_target_alone():
    model, drawn = compiled(resizable()), Drawn()
    other = model.slots["bn2/0.5"].gamma
    aug = kd.ResizableAug("s1-0.5")
    model.fit(X, Y, epochs=2, callbacks=[aug, drawn], verbose=0)
    assert drawn.names == [model.instances_at_step(0), ["s1-0.5"]]
    before = np.array(other)
    resumed = {"initial_epoch": 2, "callbacks": [aug, drawn], "verbose": 0}
    model.fit(X, Y, epochs=3, **resumed)
    assert drawn.names[2:] == [["s1-0.5"]]
    np.testing.assert_array_equal(other, before)
    model.fit(X, Y, epochs=1, callbacks=[drawn], verbose=0)
    assert drawn.names[3:] == [model.instances_at_step(3)]


def test_a_model_with_a_target_needs_no_callback():
    model, drawn = compiled(resizable(target="full")), Drawn()
    model.fit(X, Y, epochs=3, callbacks=[drawn], verbose=0)
    assert drawn.names[2:] == [["full"]] and len(drawn.names[1]) == 2


def test_a_target_without_a_share_is_trained_alone_from_the_start():
    model, drawn = compiled(resizable(target="s1-0.5", share=0)), Drawn()
    other = np.array(model.slots["bn2/0.5"].gamma)
    model.fit(X, Y, epochs=2, callbacks=[drawn], verbose=0)
    assert drawn.names == 2 * [["s1-0.5"]]
    np.testing.assert_array_equal(model.slots["bn2/0.5"].gamma, other)
    again = kd.Resizable.from_config(model.get_config())
    assert again.get_config()["share"] == 0


@pytest.mark.parametrize(
    ("aug", "says"),
    [
        (lambda: kd.ResizableAug("s1-0.6"), "Did you mean 's1-0.5'"),
        (lambda: kd.ResizableAug(share=1.5), r"in \[0, 1\].*share=1.5"),
        (lambda: resizable(target="full", share=-0.1), r"in \[0, 1\].*share=-0.1"),
        (lambda: resizable(target="ful"), "Unknown target.*Did you mean 'full'"),
    ],
)
def test_refusals_of_resizable_aug(aug, says):
    with pytest.raises(kd.DynresError, match=says):
        compiled(resizable()).fit(X, Y, callbacks=[aug()], verbose=0)
