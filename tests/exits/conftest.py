import numpy as np
import pytest


def _made(images=2000, exits=5, classes=10, seed=0):
    """What a network with exits might say: later exits see better and are surer.

    Images differ in how easy they are, and exits share part of their mistakes.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    ease = rng.gamma(3.0, 0.5, images)
    shared = 0.75 * rng.normal(size=(images, classes))
    wandering = rng.normal(size=(images, classes))
    said = []
    for sight in np.linspace(0, 1, exits) ** 0.6:
        logits = shared + 0.66 * wandering
        logits[np.arange(images), labels] += (1.2 + sight) * ease
        scaled = np.exp((1 + 0.6 * sight) * logits)
        said.append(scaled / scaled.sum(axis=-1, keepdims=True))
        wandering = 0.8 * wandering + 0.6 * rng.normal(size=wandering.shape)
    return np.stack(said).astype("float32"), labels


@pytest.fixture
def made():
    return _made


@pytest.fixture
def tied():
    """Rounded so far that most images tie with many others."""
    probabilities, labels = _made(images=300, exits=4, classes=3)
    rounded = np.round(probabilities * 8) / 8
    rounded += (1 - rounded.sum(axis=-1, keepdims=True)) / 3
    return np.clip(rounded, 0, 1), labels
