"""What an instance of a step hands on to the others."""

import keras
import numpy as np
import pytest
import small_nets

from keras_dynres.core import lessons

pytestmark = pytest.mark.backends


def logits(seed):
    draw = np.random.default_rng(seed)
    return {
        "row": draw.normal(size=(2, 4)).astype("float32"),
        "map": draw.normal(size=(2, 16, 16, 4)).astype("float32"),
    }


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def apart(own, other):
    """Kullback-Leibler, a mean over rows or cells."""
    target = softmax(other)
    return np.mean(np.sum(target * np.log(target / softmax(own)), axis=-1))


def test_the_distance_is_summed_over_the_outputs():
    base, own, taught = small_nets.dict_net(), logits(0), logits(1)
    assert float(lessons.distance(base, own, own)) == pytest.approx(0, abs=1e-5)
    expected = sum(apart(own[name], taught[name]) for name in own)
    assert expected > 0.5
    distance = lessons.distance(base, own, taught)
    assert float(distance) == pytest.approx(expected, rel=1e-4)


def test_the_first_hands_its_outputs_on_and_the_labels_stay():
    outputs = {"row": 1}
    batch, logs = ("images", "labels", "weights"), {"loss": 2, "taught": outputs}
    images, labels, weights = lessons.hand_on(batch, logs)
    assert (images, weights) == ("images", "weights") and logs == {"loss": 2}
    assert lessons.is_taught(labels) and labels["labels"] == "labels"
    assert lessons.hand_on(batch, {"loss": 2}) == batch
    assert not lessons.is_taught({"row": 1, "map": 2})
    assert keras.tree.flatten(labels["taught"]) == [1]
