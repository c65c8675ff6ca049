"""Networks for other images than they were published for."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from keras_dynres import data, zoo
from keras_dynres.errors import DynresError
from keras_dynres.training import build


@pytest.fixture
def photos(tmp_path):
    for label in ("cat", "dog", "owl"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(30):
            image = Image.new("RGB", (20, 20), (number, 99, 9))
            image.save(tmp_path / "photos" / label / f"{number}.png")
    return data.folder(tmp_path / "photos", size=48)


def test_a_network_takes_the_classes_and_size_of_other_images(photos):
    network = zoo.for_images(zoo.Network.load("sdpoint_wrn16_2_cifar10"), photos)
    assert (network.classes, network.input_shape) == (3, (48, 48, 3))
    assert network.labels == ("cat", "dog", "owl")
    assert network.images == photos
    assert network.name == "sdpoint_wrn16_2_cifar10_photos"
    assert network.augment == "scale_aspect_third"
    assert zoo.Network.from_config(network.get_config()) == network


def test_explicit_shapes_augmentation_and_origin_are_replaced(photos):
    config = zoo.Network.load("resnet14_imagenette").get_config()
    config["architecture_options"] = {"depth": 14, "classes": 7, "input_shape": [9, 9]}
    network = zoo.for_images(zoo.Network.from_config(config), photos)
    assert network.architecture_options == {"depth": 14}
    assert network.augment == "scale_aspect_third"
    assert network.starts_from == ""


def test_batches_rate_and_held_out_follow_the_number_of_images(photos):
    own = zoo.Network.load("msdnet_budget10_cifar10")
    network = zoo.for_images(own, photos)
    assert network.held_out == round(own.held_out / 50000 * photos.train_images)
    assert network.batch_size == 8 < own.batch_size
    assert network.learning_rate == own.learning_rate * 8 / own.batch_size
    synthetic = zoo.for_images(own, data.info("synthetic"))
    assert (synthetic.image_size, synthetic.dataset) == (0, "synthetic")
    assert synthetic.batch_size == (512 - synthetic.held_out) // 10


def test_labels_of_another_kind_are_refused(photos):
    network = zoo.Network.load("fcn14_camvid")
    with pytest.raises(DynresError, match="labels of the kind 'map'.*'classes'"):
        zoo.for_images(network, photos)
    with pytest.raises(DynresError, match="a class each"):
        zoo.fine_tuning("resnet", data.info("camvid"))


def test_fine_tuning_of_a_network_from_elsewhere(photos):
    name = "keras.applications.MobileNet"
    network = zoo.fine_tuning(name, photos, "plain", frozen_epochs=2)
    assert network.name == "plain_MobileNet_photos"
    assert network.options["preprocessing"] == photos.preprocessing
    assert zoo.Network.from_config(network.get_config()) == network
    model = build(network)
    assert model.base.output.shape == (None, 3)
    with pytest.raises(DynresError, match="go with a network of keras.applications"):
        zoo.fine_tuning("resnet", photos, weights="imagenet")


def test_weights_from_elsewhere_are_lent_and_not_asked_for_again(photos, tmp_path):
    name, options = "keras.applications.MobileNet", {"alpha": 0.25}
    lender = keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=(48, 48, 3), **options
    )
    path = tmp_path / "lender.weights.h5"
    lender.save_weights(path)
    network = zoo.fine_tuning(name, photos, weights=str(path))
    network = dataclasses.replace(network, architecture_options=options)
    base = build(network).base
    for layer in (layer for layer in lender.layers if layer.weights):
        for own, lent in zip(
            base.get_layer(layer.name).weights, layer.weights, strict=True
        ):
            np.testing.assert_array_equal(own, lent)
    path.unlink()
    assert zoo.loader.build(network).base.output.shape == (None, 3)
    with pytest.raises(DynresError, match="the path of a file, or none"):
        build(network)
