"""Any kind of data serves calibration and evaluation, and serves every instance."""

import contract
import keras
import numpy as np
import pytest
import small_nets

import keras_dynres as kd

X, Y = contract.images(24), contract.labels(24)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(8 * index, 8 * index + 8)
        return X[part], Y[part]


def dataset():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)


def parts():
    return [Batches()[index] for index in range(3)]


KINDS = {
    "arrays": lambda: (X, Y),
    "dataset": dataset,
    "py_dataset": Batches,
    "list": parts,
    "generator": lambda: (part for part in parts()),
}


@pytest.fixture(scope="module")
def model():
    return kd.SDPoint(small_nets.row_net(), points=["a_add"])


def means(model):
    return [np.array(slot.moving_mean) for slot in model.slots.values()]


def same(values, others):
    for value, other in zip(values, others, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-5)


@pytest.fixture(scope="module")
def expected(model):
    """Accuracies, and means by batches of 8 and by all images at once."""
    model.calibrate([(X, Y)], verbose=0)
    at_once = means(model)
    model.calibrate(parts(), verbose=0)
    accuracies = {
        name: np.mean(np.asarray(model.at(name)(X)).argmax(-1) == Y)
        for name in model.instances
    }
    return accuracies, means(model), at_once


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_and_accuracies_are_the_same(model, expected, kind):
    accuracies, by_batches, at_once = expected
    model.calibrate(KINDS[kind](), verbose=0)
    same(means(model), at_once if kind == "arrays" else by_batches)
    model.calibrate(parts(), verbose=0)
    menu = model.evaluate_menu(KINDS[kind](), verbose=0)
    for name, accuracy in accuracies.items():
        assert menu[name].measured["accuracy"] == pytest.approx(accuracy)


def test_images_alone_calibrate(model, expected):
    model.calibrate(X, verbose=0)
    same(means(model), expected[2])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "Received: None"),
        ("images", "Received: 'images'"),
        ([], "holds no images"),
        ((X, Y[:3]), "24 images and 3 labels"),
    ],
    ids=["none", "text", "empty", "lengths"],
)
def test_what_is_no_data_gets_one_sentence(model, data, says):
    for use in (model.calibrate, model.evaluate_menu):
        with pytest.raises(kd.DynresError, match=says):
            use(data, verbose=0)
