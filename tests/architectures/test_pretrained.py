"""Networks from elsewhere: new classifiers, and images as they were trained on."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import architectures

SHAPE = (32, 32, 3)
# One of each way to scale images, and one that does it itself.
NETWORKS = {
    "MobileNet": {"alpha": 0.25},
    "ResNet50": {},
    "DenseNet121": {},
    "EfficientNetV2B0": {},
}
SCALERS = {
    "MobileNet": keras.applications.mobilenet,
    "ResNet50": keras.applications.resnet,
    "DenseNet121": keras.applications.densenet,
    "EfficientNetV2B0": keras.applications.efficientnet_v2,
}


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")


@pytest.mark.parametrize("name", NETWORKS)
def test_it_sees_what_it_was_trained_on(name, pixels, tmp_path):
    build = getattr(keras.applications, name)
    base = build(
        weights=None,
        include_top=False,
        input_shape=SHAPE,
        pooling="avg",
        **NETWORKS[name],
    )
    base.save_weights(tmp_path / "base.weights.h5")
    model = architectures.create(
        f"keras.applications.{name}",
        input_shape=SHAPE,
        classes=3,
        weights=str(tmp_path / "base.weights.h5"),
        **NETWORKS[name],
    )
    dataset = kd.data.info("imagenet")
    standardised = (pixels / 255 - dataset.mean) / np.array(dataset.std)
    tensors = {call.name: call.outputs[0] for call in kd.graph.calls(model)}
    features = keras.Model(model.input, tensors["head_pool"])
    expected = base.predict(SCALERS[name].preprocess_input(pixels.copy()), verbose=0)
    got = features.predict(standardised.astype("float32"), verbose=0)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.ptp(expected))
    assert model.output.shape == (None, 3)


def test_a_file_gives_its_features_to_a_new_classifier(pixels, tmp_path):
    net = kd.architectures.wide_resnet(10, 1, input_shape=(16, 16, 3), classes=7)
    net.save(tmp_path / "net.keras")
    model = architectures.create(
        str(tmp_path / "net.keras"), input_shape=SHAPE, classes=3
    )
    assert model.input.shape == (None, *SHAPE) and model.output.shape == (None, 3)
    for own, old in zip(model.weights[:-2], net.weights[:-2], strict=True):
        np.testing.assert_array_equal(own, old)
    signed = architectures.create(
        str(tmp_path / "net.keras"), input_shape=SHAPE, expects="MobileNet"
    )
    assert signed.layers[1].name == "as_trained"


def test_other_statistics_of_the_images(pixels):
    model = architectures.create(
        "keras.applications.MobileNet",
        input_shape=SHAPE,
        alpha=0.25,
        preprocessing={"mean": (0.5,) * 3, "std": (0.25,) * 3},
    )
    layer = model.get_layer("as_trained")
    got = np.asarray(layer((pixels / 255 - 0.5) / 0.25))
    np.testing.assert_allclose(got, pixels / 127.5 - 1, atol=1e-5)


def test_methods_take_it():
    name = "keras.applications.MobileNet"
    base = architectures.create(name, input_shape=(96, 96, 3), alpha=0.25, classes=3)
    model = kd.SDPoint(base)
    assert len(model.instances) > 2
    assert model.menu.full.macs == kd.cost.count(base).macs


def test_what_cannot_be_had_is_said_in_a_sentence(tmp_path, monkeypatch):
    def create(name="keras.applications.MobileNet", **options):
        with pytest.raises(kd.DynresError) as error:
            architectures.create(name, **{"input_shape": SHAPE, **options})
        return str(error.value)

    assert "Did you mean 'MobileNet" in create("keras.applications.MobilNetV2")
    assert "Did you mean 'alpha'" in create(alpa=1)
    assert "Received: weights='imagnet'" in create(weights="imagnet")
    assert "for images of (8, 8, 3)" in create(input_shape=(8, 8, 3))
    assert "does not exist" in create(str(tmp_path / "none.keras"))
    (tmp_path / "bad.keras").write_text("no model")
    assert "no model that Keras can load" in create(str(tmp_path / "bad.keras"))

    def refuse(*_, **__):
        raise Exception("URL fetch failure on https://...")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    assert "with weights='imagenet'" in create(
        weights="imagenet", input_shape=(128, 128, 3)
    )


def test_efficientnet_is_the_same_whoever_loads_the_weights(tmp_path, monkeypatch):
    """Keras builds it in another way where it loads ImageNet's weights itself."""
    build = keras.applications.EfficientNetB0
    path = tmp_path / "published.weights.h5"
    build(weights=None, include_top=False, input_shape=SHAPE).save_weights(path)
    options = {"input_shape": SHAPE, "classes": 3}
    name = "keras.applications.EfficientNetB0"
    of_file = architectures.create(name, weights=str(path), **options)
    monkeypatch.setattr(
        "keras.src.utils.file_utils.get_file", lambda *_, **__: str(path)
    )
    published = architectures.create(name, weights="imagenet", **options)
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")

    def stem(net):
        tensors = {call.name: call.outputs[0] for call in kd.graph.calls(net)}
        return keras.Model(net.input, tensors["stem_conv"]).predict(x, verbose=0)

    np.testing.assert_allclose(stem(of_file), stem(published), rtol=1e-4, atol=1e-5)
    assert kd.cost.count(of_file).flops == kd.cost.count(published).flops
