"""Exits that give maps of logits: all works but what goes by an image's one class."""

import keras
import numpy as np
import pytest
from exit_nets import policy_for

import keras_dynres as kd
from keras_dynres.exits import ExitModel

SIZE, CLASSES = 12, 3
L = keras.layers


def net():
    """A small fully convolutional net with a map of logits half way and at the end."""
    x = images = keras.Input((SIZE, SIZE, 3), name="images")
    x = L.Conv2D(8, 3, padding="same", use_bias=False, name="first")(x)
    x = L.ReLU(name="first_relu")(L.BatchNormalization(name="first_bn")(x))
    early = L.Conv2D(CLASSES, 1, name="early")(x)
    x = L.Conv2D(16, 3, padding="same", activation="relu", name="second")(x)
    return keras.Model(images, [early, L.Conv2D(CLASSES, 1, name="late")(x)])


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    return kd.EarlyExit(net(), name="maps")


def data(count=8):
    """Images, and the brightest channel of each pixel."""
    draw = np.random.default_rng(0)
    images = draw.normal(size=(count, SIZE, SIZE, 3)).astype("float32")
    return images, images.argmax(axis=-1)


def test_each_exit_is_a_map(model):
    images, _ = data()
    assert isinstance(model, ExitModel) and model.exits == ["exit1", "exit2"]
    for name, whole in zip(model.instances, model.base(images), strict=True):
        alone = np.asarray(model.at(name)(images))
        assert alone.shape == (8, SIZE, SIZE, CLASSES)
        np.testing.assert_allclose(alone, np.asarray(whole), atol=1e-5)
    assert [stage.name for stage in model.stages()] == ["stage1", "stage2"]
    assert model.exit_costs() == [model.menu["exit1"].macs, kd.cost.count(net()).macs]


def test_anytime_and_within_give_maps(model):
    images, _ = data(2)
    answers = dict(model.anytime(images))
    for name, whole in zip(model.exits, model.every_exit(images), strict=True):
        np.testing.assert_allclose(answers[name], whole, atol=1e-5)
    name, last = model.predict_within(images, milliseconds=60_000)
    assert name == "exit2"
    np.testing.assert_allclose(last, model.predict(images, verbose=0), atol=1e-5)
    assert len(model.exit_times(images)) == 2


class Batches(keras.utils.PyDataset):
    """All images as one batch."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 1

    def __getitem__(self, position):
        return self.arrays


@pytest.mark.parametrize("distillation", [0.0, 0.5])
def test_training_lowers_the_loss_of_every_map(distillation, tmp_path):
    keras.utils.set_random_seed(1)
    images, labels = data(32)
    model = kd.EarlyExit(net(), distillation=distillation)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    before = model.evaluate(images, labels, verbose=0, return_dict=True)
    model.fit(images, labels, batch_size=8, epochs=4, verbose=0)
    after = model.evaluate(images, labels, verbose=0, return_dict=True)
    for name in model.exits:
        assert after[f"{name}_loss"] < before[f"{name}_loss"]
        assert after[f"{name}_accuracy"] > before[f"{name}_accuracy"]
    menu = model.evaluate_menu(Batches(images, labels), verbose=0)
    assert menu["full"].measured["accuracy"] == pytest.approx(
        after["exit2_accuracy"], abs=1e-4
    )
    model.save(tmp_path / "maps.keras")
    loaded = keras.saving.load_model(tmp_path / "maps.keras")
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-5
    )


def test_what_goes_by_an_images_class_is_refused(model):
    images, labels = data()
    policy = policy_for(model, (0.5, 0.0))
    calls = [
        lambda: model.solve_budget((images, labels), macs=1e9, verbose=0),
        lambda: model.budget_curve((images, labels), (images, labels), verbose=0),
        lambda: model.evaluate_policies((images, labels), [policy], verbose=0),
        lambda: model.expected_accuracy("uniform", (images, labels), verbose=0),
        lambda: model.predict_dynamic(images, policy),
        lambda: model.add_policy(policy),
    ]
    for call in calls:
        with pytest.raises(kd.DynresError, match="one row of class scores.*Received"):
            call()
