"""Epochs in which a new classifier learns alone."""

import keras
import numpy as np
import pytest

from keras_dynres.errors import DynresError
from keras_dynres.training import build, train
from keras_dynres.training.frozen import freeze
from keras_dynres.zoo import Network

CONFIG = {
    "name": "tiny",
    "architecture": "tiny",
    "architecture_options": {"widths": [8, 16]},
    "method": "sdpoint",
    "method_options": {"ratios": [0.5], "points": ["relu1"]},
    "dataset": "synthetic",
    "epochs": 3,
    "batch_size": 64,
    "learning_rate": 0.05,
    "calibration_batches": 2,
    "frozen_epochs": 2,
}
NETWORK = Network.from_config(CONFIG)


def weights(model):
    return {
        (layer.name, weight.name): np.asarray(weight)
        for layer in model.base.layers
        for weight in layer.weights
    }


def changed(before, after):
    return {key for key in before if not np.array_equal(before[key], after[key])}


@pytest.mark.backends
def test_the_base_is_left_as_it_is_at_first(tmp_path):
    before = weights(build(NETWORK))
    model = train(NETWORK, out_dir=tmp_path, epochs=2, verbose=0)
    after = weights(model)
    assert changed(before, after) == {("logits", "kernel"), ("logits", "bias")}
    assert int(model.optimizer.iterations) == 16


def test_then_all_of_it_learns_and_a_resumed_run_is_an_unbroken_one(tmp_path):
    whole = train(NETWORK, out_dir=tmp_path / "whole", verbose=0)
    assert int(whole.optimizer.iterations) == 24
    assert all(layer.trainable for layer in whole.base.layers)
    for epochs in (1, 2, None):  # Within, at the end, and after the frozen epochs.
        broken = train(
            NETWORK, out_dir=tmp_path / "broken", epochs=epochs, resume=True, verbose=0
        )
    before, after = weights(whole), weights(broken)
    assert ("conv1", "kernel") in changed(weights(build(NETWORK)), after)
    assert not changed(before, after)
    results = (tmp_path / "whole" / "results.json").read_text()
    assert '"frozen_epochs": 2' in results


def test_frozen_batch_norms_are_in_inference_mode():
    base = build(NETWORK).base
    assert freeze(base) and not freeze(base)
    norm = base.get_layer("bn1")
    x = np.random.default_rng(0).normal(3, 2, (4, 8, 8, 8)).astype("float32")
    still = keras.ops.convert_to_numpy(norm(x, training=True))
    np.testing.assert_allclose(still, norm(x, training=False), atol=1e-6)
    assert freeze(base, False) and norm.trainable


def test_what_cannot_be_frozen_is_refused():
    with pytest.raises(DynresError, match="frozen_epochs is at least 0 and below"):
        Network.from_config({**CONFIG, "frozen_epochs": 3})
    x = keras.Input((8, 8, 3))
    outputs = [keras.layers.Conv2D(2, 3, name=name)(x) for name in "ab"]
    with pytest.raises(DynresError, match="one feature map"):
        freeze(keras.Model(x, outputs))
