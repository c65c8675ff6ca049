"""Training that begins with the weights of a network of the zoo, or of a file."""

import functools

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import zoo
from keras_dynres.errors import DynresError
from keras_dynres.training import build
from keras_dynres.zoo import Network

CONFIG = {
    "name": "warm",
    "architecture": "tiny",
    "dataset": "synthetic",
    "epochs": 4,
}


def assert_lent(model, lender):
    assert len(model.weights) == len(lender.weights)
    for weight, lent in zip(model.weights, lender.weights, strict=True):
        np.testing.assert_array_equal(weight, lent)


def test_a_network_may_start_from_a_network_of_the_zoo(monkeypatch):
    monkeypatch.setattr(zoo, "load", functools.cache(zoo.load))
    name = "sdpoint_wrn16_2_cifar10"
    same = {"depth": 16, "width": 2, "classes": 10, "input_shape": [32, 32, 3]}
    config = {**CONFIG, "starts_from": name, "method": "plain"}
    config["method_options"] = {}
    like = {"architecture": "wide_resnet", "architecture_options": same}
    model = build(Network.from_config({**config, **like}))
    assert_lent(model.base, zoo.load(name).base)
    with pytest.raises(DynresError, match="base of 'sdpoint_wrn16_2.* another network"):
        build(Network.from_config(config))
    with pytest.raises(DynresError, match="Did you mean 'sdpoint_wrn16_2_cifar10'"):
        build(Network.from_config({**config, "starts_from": "sdpoint_wrn16_2_cifar"}))


@pytest.mark.parametrize("method", [None, "plain", "sdpoint"])
def test_a_network_may_start_from_a_file(tmp_path, method):
    options = {"points": ["relu1"]} if method == "sdpoint" else {}
    lender = build(Network.from_config({**CONFIG, "seed": 3})).base
    for weight in lender.weights:
        weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
    whole = lender if method is None else kd.methods.create(method, lender, **options)
    path = tmp_path / "model.keras"
    whole.save(path)
    warm = {**CONFIG, "starts_from": str(path)}
    assert_lent(build(Network.from_config(warm)).base, lender)


def test_an_instance_tuned_further_begins_with_its_own_batch_norms(tmp_path):
    options = {"scales": [0.5, 1.0], "stages": ["relu1"]}
    config = {**CONFIG, "method": "resizable", "method_options": options}
    lender = build(Network.from_config({**config, "seed": 3}))
    for weight in lender.weights:
        weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
    path = tmp_path / "model.keras"
    lender.save(path)
    tuned = {**options, "target": "s0.5", "share": 0}
    warm = {**config, "method_options": tuned, "starts_from": str(path)}
    model = build(Network.from_config(warm))
    assert len(model.weights) > len(model.base.weights)
    assert_lent(model, lender)
    other = {**warm, "method_options": {**tuned, "statistics": "uniform"}}
    assert_lent(build(Network.from_config(other)).base, lender.base)


def test_exits_begin_with_the_exits_of_a_run_before(tmp_path):
    config = {
        **CONFIG,
        "architecture": "wide_resnet",
        "architecture_options": {"depth": 10, "width": 1},
        "method": "early_exit",
        "method_options": {"points": ["stage1_block1_add"], "heads": "branch"},
    }
    lender = build(Network.from_config({**config, "seed": 3}))
    lender.save(tmp_path / "model.keras")
    path = str(tmp_path / "model.keras")
    model = build(Network.from_config({**config, "starts_from": path}))
    assert_lent(model, lender)
    # A plain network takes what is under the exits.
    plain = build(
        Network.from_config(
            {**config, "starts_from": path, "method": "plain", "method_options": {}}
        )
    )
    shared = {layer.name: layer for layer in model.base.layers}
    for layer in plain.base.layers:
        for weight, lent in zip(layer.weights, shared[layer.name].weights, strict=True):
            np.testing.assert_array_equal(weight, lent)


def test_a_file_in_the_folder_where_training_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lender = build(Network.from_config({**CONFIG, "seed": 3}))
    (tmp_path / "runs").mkdir()
    lender.save(tmp_path / "runs" / "model.keras")
    warm = {**CONFIG, "starts_from": "runs/model.keras"}
    assert_lent(build(Network.from_config(warm)), lender)


def test_weights_of_a_run_on_small_pictures(tmp_path):
    path = tmp_path / "model.keras"
    small = {**CONFIG, "dataset": "imagenette", "image_size": 32}
    lender = build(Network.from_config({**small, "seed": 3}))
    assert lender.base.input_shape == (None, 32, 32, 3)
    lender.save(path)
    warm = {**small, "starts_from": str(path), "image_size": 0}
    model = build(Network.from_config(warm))
    assert model.base.input_shape == (None, 160, 160, 3)
    assert_lent(model.base, lender.base)


def test_a_network_for_other_classes_keeps_its_own_classifier():
    options = {"depth": 16, "width": 2, "classes": 3}
    config = {**CONFIG, "architecture": "wide_resnet", "architecture_options": options}
    fresh = build(Network.from_config(config)).base
    config["starts_from"] = name = "sdpoint_wrn16_2_cifar10"
    model, lender = build(Network.from_config(config)).base, zoo.load(name).base
    for own, lent in zip(model.weights[:-2], lender.weights[:-2], strict=True):
        np.testing.assert_array_equal(own, lent)
    for own, before in zip(model.weights[-2:], fresh.weights[-2:], strict=True):
        np.testing.assert_array_equal(own, before)


def test_files_that_lend_nothing(tmp_path):
    path = tmp_path / "model.keras"
    network = Network.from_config({**CONFIG, "starts_from": str(path)})
    with pytest.raises(DynresError, match="file that is not there.*model.keras"):
        build(network)
    path.write_bytes(b"PK and nothing else")
    with pytest.raises(DynresError, match="'warm': .*is no model that Keras can load"):
        build(network)
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Conv2D(2, 1)(image)).save(path)
    with pytest.raises(DynresError, match="network in .*keras' is another network"):
        build(network)


def test_a_segmentation_network_grows_from_a_classifier(tmp_path):
    """Layers of the same names are lent; heads and dilated stages are no obstacle."""
    narrow = {"depth": 14, "channels": (4, 6, 8)}
    path = tmp_path / "model.keras"
    lender = kd.architectures.resnet(input_shape=(64, 64, 3), classes=2, **narrow)
    for weight in lender.weights:
        weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
    lender.save(path)
    config = {
        **CONFIG,
        "architecture": "fcn",
        "starts_from": str(path),
        "architecture_options": {**narrow, "stem": "imagenet", "head": 8},
    }
    model = build(Network.from_config({**config, "dataset": "synthetic_map"}))
    block = "stage3_block2_conv2"
    np.testing.assert_array_equal(
        model.base.get_layer(block).kernel, lender.get_layer(block).kernel
    )
    wider = {**narrow, "channels": (4, 6, 10)}
    config["architecture_options"].update(wider)
    with pytest.raises(DynresError, match="another network than 'fcn'"):
        build(Network.from_config({**config, "dataset": "synthetic_map"}))
