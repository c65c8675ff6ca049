import chromium
import keras
import numpy as np
import pytest

from keras_dynres import DynamicModel, Instance, Menu, graph


class Pooled(DynamicModel):
    """The smallest method: pool after the first convolution, or do not."""

    def define_instances(self):
        return [Instance("full"), Instance("pooled", {"size": 2})]

    def rule(self, instance):
        if instance.name == "full":
            return {}
        return {"conv": graph.after(keras.layers.AveragePooling2D(2, name="pool"))}


def _small_net(size=8, classes=4, activation=None):
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv")(image)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    head = keras.layers.Dense(
        classes, activation=activation, kernel_initializer="random_normal", name="head"
    )
    return keras.Model(image, head(x))


def _map_net(size=8, classes=3):
    """A fully convolutional net: a row of logits for each pixel."""
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(image)
    return keras.Model(image, keras.layers.Conv2D(classes, 1, name="head")(x))


def _two_headed_net():
    """Outputs with names: classes of the image, and of its pixels."""
    net = _small_net()
    pixels = keras.layers.Conv2D(3, 1, name="pixels")(net.get_layer("conv").output)
    return keras.Model(net.input, {"classes": net.output, "pixels": pixels})


class Blurred(Pooled):
    """Blurs after the first convolution: maps keep their size."""

    def rule(self, instance):
        if instance.name == "full":
            return {}
        blur = keras.layers.AveragePooling2D(3, 1, padding="same", name="blur")
        return {"conv": graph.after(blur)}


@pytest.fixture
def map_model():
    keras.utils.set_random_seed(1)
    return Blurred(_map_net())


@pytest.fixture
def two_headed():
    keras.utils.set_random_seed(2)
    return Blurred(_two_headed_net())


@pytest.fixture
def dynamic():
    return Pooled(_small_net())


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    images = rng.normal(size=(21, 8, 8, 3)).astype("float32")
    return images, rng.integers(0, 4, 21)


@pytest.fixture
def map_labels():
    return np.random.default_rng(4).integers(0, 3, (21, 8, 8))


def _random_menu(seed, count=12):
    """Costs and accuracies on a coarse grid, so that ties occur."""
    rng = np.random.default_rng(seed)
    return Menu(
        Instance(
            f"p{i}@0.5" if i else "full",
            macs=int(rng.integers(1, 8)) * 10**6,
            flops=int(rng.integers(1, 8)) * 10**6,
            params=1000,
            measured={
                "accuracy": int(rng.integers(60, 70)) / 100,
                "latency_ms": int(rng.integers(1, 8)) / 2,
            },
        )
        for i in range(count)
    )


@pytest.fixture
def small_net():
    return _small_net


@pytest.fixture
def random_menu():
    return _random_menu


@pytest.fixture
def browser(tmp_path):
    """A browser; skips where there is none."""
    try:
        driver = chromium.start(tmp_path / "profile")
    except chromium.Missing as error:
        pytest.skip(str(error))
    yield driver
    driver.quit()
