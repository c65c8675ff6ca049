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


@pytest.fixture
def dynamic():
    return Pooled(_small_net())


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    images = rng.normal(size=(21, 8, 8, 3)).astype("float32")
    return images, rng.integers(0, 4, 21)


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
