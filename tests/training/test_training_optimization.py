"""Learning rates, weight decay and loss against their formulas."""

import copy
import dataclasses

import keras
import numpy as np
import pytest

from keras_dynres.training import optimization, optimizers, train
from keras_dynres.training.optimization import SmoothedCrossentropy
from keras_dynres.zoo import Network

pytestmark = pytest.mark.backends

PLAIN = Network("plain", "wide_resnet", "synthetic", epochs=10, learning_rate=0.4)


def rates(steps_per_epoch, at, **entries):
    rate = optimization.schedule(dataclasses.replace(PLAIN, **entries), steps_per_epoch)
    return [float(rate(step)) for step in at]


def test_cosine_falls_from_the_rate_to_nothing():
    got = rates(100, [0, 250, 500, 750, 1000])
    wanted = 0.2 * (1 + np.cos(np.pi * np.array([0, 0.25, 0.5, 0.75, 1])))
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_linear_falls_from_the_rate_to_nothing():
    got = rates(100, [0, 250, 1000], schedule="linear")
    np.testing.assert_allclose(got, [0.4, 0.3, 0], atol=1e-6)


@pytest.mark.parametrize("at", [(0.5, 0.7), (5, 7)])
def test_steps_drop_with_the_first_step_of_an_epoch(at):
    kind = {"schedule": "steps", "step_at": at, "step_factor": 0.1}
    got = rates(100, [0, 499, 500, 699, 700, 999], **kind)
    np.testing.assert_allclose(got, [0.4, 0.4, 0.04, 0.04, 0.004, 0.004], rtol=1e-5)


def test_warmup_rises_step_by_step_and_leaves_the_rest_alone():
    got = rates(100, [0, 99, 199, 600], schedule="linear", warmup_epochs=2)
    np.testing.assert_allclose(
        got, [0.4 / 200, 0.4 * 0.901 / 2, 0.4 * 0.801, 0.16], rtol=1e-4
    )


def test_the_papers_imagenet_rates():
    rate = optimization.schedule(Network.load("preresnet101_imagenet"), 5004)
    got = [float(rate(5004 * epoch)) for epoch in (0, 39, 40, 75, 105, 114)]
    np.testing.assert_allclose(got, [0.1, 0.1, 0.01, 1e-3, 1e-4, 1e-4], rtol=1e-5)


@pytest.mark.parametrize("decay_all", [True, False])
def test_weight_decay_passes_through_nesterov_momentum(decay_all):
    network = dataclasses.replace(
        PLAIN, weight_decay=0.1, momentum=0.9, decay_all=decay_all
    )
    optimizer = optimization.optimizer(network, steps_per_epoch=10**6)
    kernel = keras.Variable(np.ones((1, 1), "float32"))
    offset = keras.Variable(np.ones(1, "float32"))
    for _ in range(3):
        gradients = [keras.ops.full((1, 1), 0.5), keras.ops.full((1,), 0.5)]
        optimizer.apply(gradients, [kernel, offset])
    for variable, decay in ((kernel, 0.1), (offset, 0.1 if decay_all else 0)):
        # Sutskever's form, as published: the gradient holds the decay.
        weight, velocity = 1.0, 0.0
        for _ in range(3):
            gradient = 0.5 + decay * weight
            velocity = 0.9 * velocity + gradient
            weight -= 0.4 * (gradient + 0.9 * velocity)
        assert float(np.squeeze(variable)) == pytest.approx(weight, rel=1e-5)


def kernel_of(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_muon_turns_kernels_and_keeps_their_size():
    muon = dataclasses.replace(PLAIN, optimizer="muon", momentum=0.0, nesterov=False)
    optimizer = optimization.optimizer(muon, steps_per_epoch=10**6)
    before, gradient = kernel_of((3, 3, 4, 8)), kernel_of((3, 3, 4, 8), 1)
    kernel = keras.Variable(before)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    after = np.asarray(kernel)
    size = np.linalg.norm(before)
    assert np.linalg.norm(after) == pytest.approx(size, rel=1e-4)
    # The nearest orthogonal matrix, which the optimizer's is near in direction.
    left, _, right = np.linalg.svd(gradient.reshape(-1, 8), full_matrices=False)
    wanted = (left @ right).reshape(before.shape)
    wanted = before - 0.4 * size * wanted / np.linalg.norm(wanted)
    wanted *= size / np.linalg.norm(wanted)
    cosine = (after * wanted).sum() / size**2
    moved = (after * before).sum() / size**2
    assert moved < 0.95 < 0.99 < cosine


def test_muon_looks_ahead_as_sgd_does():
    muon = dataclasses.replace(PLAIN, optimizer="muon")
    optimizer = optimization.optimizer(muon, steps_per_epoch=10**6)
    gradients = [kernel_of((1, 1, 6, 6), seed) for seed in (1, 2)]
    kernel = keras.Variable(kernel_of((1, 1, 6, 6)))
    weights, velocity = np.asarray(kernel)[0, 0], 0
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
        velocity = 0.9 * velocity + gradient[0, 0]
        step = optimizers.orthogonal(gradient[0, 0] + 0.9 * velocity)
        step = np.asarray(step) / np.linalg.norm(step)
        size = np.linalg.norm(weights)
        weights = weights - 0.4 * size * step
        weights *= size / np.linalg.norm(weights)
    np.testing.assert_allclose(np.asarray(kernel)[0, 0], weights, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 3, 8, 1), (8, 4), (8,)])
def test_muon_leaves_other_weights_to_sgd(shape):
    after = []
    for name in ("muon", "sgd"):
        network = dataclasses.replace(PLAIN, optimizer=name)
        optimizer = optimization.optimizer(network, steps_per_epoch=10**6)
        variable = keras.Variable(kernel_of(shape))
        optimizer.apply([keras.ops.convert_to_tensor(kernel_of(shape, 1))], [variable])
        after.append(np.asarray(variable))
    np.testing.assert_array_equal(*after)


def test_an_average_of_the_weights():
    network = dataclasses.replace(PLAIN, average=0.5, momentum=0.0, nesterov=False)
    optimizer = optimization.optimizer(network, steps_per_epoch=10**6)
    weight = keras.Variable(np.zeros(1, "float32"))
    values = []
    for _ in range(3):
        optimizer.apply([keras.ops.full((1,), -1.0)], [weight])
        values.append(float(weight[0]))
    optimizer.finalize_variable_values([weight])
    wanted = 0.25 * values[0] + 0.25 * values[1] + 0.5 * values[2]
    assert float(weight[0]) == pytest.approx(wanted, rel=1e-5)


def test_smoothed_loss():
    logits = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]], "float32")
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    target = np.array([[0, 0, 1], [1, 0, 0]]) * 0.8 + 0.2 / 3
    got = SmoothedCrossentropy(0.2)(np.array([2, 0]), logits)
    assert float(got) == pytest.approx(-(target * log).sum(axis=1).mean(), rel=1e-5)


def test_configurations_return():
    warm = dataclasses.replace(PLAIN, warmup_epochs=1, label_smoothing=0.1)
    muon = dataclasses.replace(PLAIN, optimizer="muon", average=0.9)
    for made in (
        optimization.optimizer(warm, 10),
        optimization.optimizer(muon, 10),
        SmoothedCrossentropy(0.1),
    ):
        config = keras.saving.serialize_keras_object(made)
        # Keras puts what it makes into the dict it is given.
        again = keras.saving.deserialize_keras_object(copy.deepcopy(config))
        assert keras.saving.serialize_keras_object(again) == config


def test_shares_of_classes_are_labels_too():
    logits = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    classes = np.arange(8) % 4
    rows = np.eye(4, dtype="float32")[classes]
    loss = SmoothedCrossentropy(0.1)
    np.testing.assert_allclose(loss(rows, logits), loss(classes, logits), rtol=1e-5)
    mixed = 0.25 * rows + 0.75 * rows[::-1]
    parts = 0.25 * loss(classes, logits) + 0.75 * loss(classes[::-1], logits)
    np.testing.assert_allclose(loss(mixed, logits), parts, rtol=1e-5)
    for metric in (optimization.Accuracy(), optimization.TopKAccuracy(2)):
        counted = []
        for labels in (classes[::-1], mixed):
            metric.reset_state()
            metric.update_state(labels, logits)
            counted.append(float(metric.result()))
        assert counted[0] == counted[1]


@pytest.mark.tensorflow
def test_a_run_ends_with_the_average_even_where_it_was_killed(tmp_path):
    network = dataclasses.replace(
        PLAIN,
        architecture="tiny",
        architecture_options={"widths": [4, 8]},
        epochs=2,
        average=0.9,
    )
    model = train(network, out_dir=tmp_path, verbose=0)
    averages = model.optimizer._model_variables_moving_average
    for weight, average in zip(model.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(weight, average)
    # The last checkpoint was there, the model not yet.
    again = train(network, out_dir=tmp_path, resume=True, verbose=0)
    for weight, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-6)
